# Guardhouse. `make run` builds everything and serves; `make test` installs what the tests need and runs them all.
# Every recipe sources scripts/env.sh first: one set of compiler flags for build, test, vet and lint.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

ENV := . scripts/env.sh &&
FAST_TAGS := nollama,sqlite_fts5
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Go refuses to stamp a commit where git itself refuses the folder (another owner, no .git): then build without.
STAMP := $(shell git rev-parse --verify -q HEAD >/dev/null 2>&1 && echo auto || echo false)
FUZZTIME ?= 60s
EXAMPLES ?= 15
SOAK ?= 10m
BENCHCOUNT ?= 10
SHARED ?= ../shared
ARGS ?=

.PHONY: help
help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  make %-17s %s\n", $$1, $$2}'

# ---- set-up --------------------------------------------------------------------------------------------------------

.PHONY: setup setup-build setup-lint
setup: ## install what build and tests need (system packages as root on Debian/Ubuntu, the rest into .tools)
	@scripts/setup.sh test

setup-build:
	@scripts/setup.sh build

setup-lint:
	@scripts/setup.sh lint

# ---- build and run -------------------------------------------------------------------------------------------------

.PHONY: build web native run dev release check-release
build: setup-build web ## bin/guardhouse with the console and guard-nano inside
	@mkdir -p bin
	@$(ENV) python3 scripts/build.py -buildvcs=$(STAMP) -ldflags "-s -w -X main.version=$(VERSION)" -o bin/guardhouse ./cmd/guardhouse

release: setup-build web ## bin/guardhouse-linux-amd64 for any x86-64 server since 2015 and glibc 2.28, with bin/SHA256SUMS
	@mkdir -p bin
	@export GH_MARCH=x86-64-v3; $(ENV) python3 scripts/release.py "$(VERSION)" $(STAMP) bin/guardhouse-linux-amd64

check-release: release ## the release built again in another folder has the same bytes, and it refuses old processors
	@export GH_MARCH=x86-64-v3; $(ENV) python3 scripts/release_test.py bin/guardhouse-linux-amd64 "$(VERSION)" $(STAMP)
	@$(ENV) python3 scripts/old_cpu_test.py bin/guardhouse-linux-amd64

web: setup-build ## the console into web/dist, where something changed
	@if [ -e web/package.json ] && { ! [ -e web/dist/index.html ] || [ -n "$$(find web internal/httpapi/openapi.yaml \( -name node_modules -o -path web/dist -o -path web/e2e \) -prune -o -type f -newer web/dist/index.html -print -quit)" ]; }; then \
		$(ENV) cd web && npm run --silent build && touch dist/.gitkeep dist/index.html; \
	fi

native: setup-build # the engine alone, with progress; what it compiles stays in Go's build cache
	@$(ENV) python3 scripts/build.py ./internal/inference/llamacpp

run: build ## build, then serve in the foreground (ARGS="--listen 127.0.0.1:9443" passes flags on)
	@exec bin/guardhouse serve $(ARGS)

dev: build ## serve beside Vite with hot reload at http://localhost:5173/ui/
	@$(ENV) trap 'kill $$server 2>/dev/null || true' EXIT; bin/guardhouse serve $(ARGS) & server=$$!; cd web && npm run --silent dev

# ---- tests ---------------------------------------------------------------------------------------------------------

.PHONY: test test-fast test-race check-rules test-native test-web test-sdk test-schema test-kill test-worker test-failclosed test-old-cpu test-image soak e2e budget screenshots fuzz bench golden check-data check-reference ci
test: ## install what the tests need and run all of them; seconds per stage and the counts at the end
	@python3 --version >/dev/null 2>&1 || scripts/setup.sh test
	@$(ENV) python3 scripts/stages.py setup! build! check-generated test-race test-native test-web test-sdk test-schema test-kill test-worker test-failclosed test-flat test-old-cpu test-image e2e budget

test-fast: ## Go with the race detector, shuffled, without the engine and the tests that take seconds: some minutes
	@$(ENV) python3 scripts/gotest.py -p 4 -short -race -shuffle=on -timeout 10m -tags $(FAST_TAGS) ./...

test-race: ## the same with every test
	@$(ENV) python3 scripts/gotest.py -race -shuffle=on -timeout 20m -tags $(FAST_TAGS) ./...

check-rules: ## model rules against an oracle that was written from the contract alone: 1,000,000 random rule sets, some minutes
	@$(ENV) GH_ORACLE_CASES=1000000 go test -count=1 -timeout 60m -tags $(FAST_TAGS) -run TestTheOracleAgrees ./internal/rule

test-native: native ## what needs the real engine (no race detector: it would compile all C++ again)
	@$(ENV) packages=$$(scripts/native-packages.sh) && python3 scripts/gotest.py -timeout 20m $$packages

test-old-cpu: ## bin/guardhouse on emulated processors: too old is refused in one sentence, never a crash
	@$(ENV) python3 scripts/old_cpu_test.py bin/guardhouse

test-image: ## the image's root from bin/guardhouse, and the program in it as a container runs it; as root, else half of it is skipped
	@$(ENV) python3 scripts/image_test.py bin/guardhouse

test-web: web ## console: lint, types, both languages complete, unit tests, size of the first load
	@$(ENV) cd web && npm run --silent lint && npm run --silent typecheck && npm run --silent i18n:check && npm run --silent size && npm run --silent test

test-sdk: setup ## the official OpenAI SDKs (Python, Node) against bin/guardhouse over HTTPS
	@$(ENV) .tools/venv/bin/python scripts/sdk_test.py bin/guardhouse

test-schema: setup ## schemathesis over openapi.yaml against bin/guardhouse, EXAMPLES (15) per operation
	@$(ENV) .tools/venv/bin/python scripts/schema_test.py bin/guardhouse $(EXAMPLES)

soak: build setup ## mixed load for SOAK (10m) against bin/guardhouse: no 5xx but busy, flat memory, backups that restore
	@$(ENV) .tools/venv/bin/python scripts/soak.py bin/guardhouse $(SOAK)

test-kill: ## kill -9 under load ten times: every answered request has its audit row once, the chain is whole
	@$(ENV) python3 scripts/kill_test.py bin/guardhouse

test-worker: ## kill -9 of the worker alone, ten times under load (KILLS=100): the next one answers within two seconds, nobody is refused, the books are whole
	@$(ENV) python3 scripts/worker_test.py bin/guardhouse $(or $(KILLS),10)

test-failclosed: ## disk full, read-only, locked, failing to sync, anchor away: nothing is answered unlogged, and the server goes on by itself
	@$(ENV) python3 scripts/failclosed_test.py bin/guardhouse

test-flat: ## 3,000 new and 30,000 remembered verdicts: flat memory, nothing left behind, no error
	@$(ENV) FLAT_DISTINCT=3000 FLAT_CACHED=30000 python3 scripts/flat.py bin/guardhouse

flat: build ## the same with FLAT_DISTINCT (100,000) and FLAT_CACHED (1,000,000): about a quarter of an hour
	@$(ENV) python3 scripts/flat.py bin/guardhouse

e2e: setup ## all pages in real headless Chromium, both languages, against bin/guardhouse
	@$(ENV) cd web && CHROMIUM=$${CHROMIUM:-$$(command -v chromium || command -v chromium-browser || command -v google-chrome || command -v google-chrome-stable)} \
	GUARDHOUSE_BIN=$(CURDIR)/bin/guardhouse npm run --silent e2e

budget: setup ## first load of every page in real Chromium: bytes, requests, seconds, long tasks; over 310 kB fails
	@$(ENV) cd web && CHROMIUM=$${CHROMIUM:-$$(command -v chromium || command -v chromium-browser || command -v google-chrome || command -v google-chrome-stable)} \
	GUARDHOUSE_BIN=$(CURDIR)/bin/guardhouse npm run --silent budget

screenshots: build ## docs/images from bin/guardhouse in headless Chromium
	@$(ENV) cd web && CHROMIUM=$${CHROMIUM:-$$(command -v chromium || command -v chromium-browser || command -v google-chrome || command -v google-chrome-stable)} \
	GUARDHOUSE_BIN=$(CURDIR)/bin/guardhouse npm run --silent screenshots

fuzz: ## every fuzz target for FUZZTIME each (60s)
	@$(ENV) grep -rlE '^func Fuzz' --include='*_test.go' internal | xargs -n1 dirname | sort -u | while read -r dir; do \
		grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go | cut -c6- | while read -r target; do \
			echo "== $$dir $$target"; \
			go test -tags $(FAST_TAGS) -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "./$$dir" </dev/null; \
		done; \
	done

bench: native ## Go benchmarks, BENCHCOUNT (10) runs each, in benchstat's format
	@$(ENV) go test -run '^$$' -bench . -benchmem -count $(BENCHCOUNT) ./...

golden: ## rewrite the golden files; review the difference as a change of the contract
	@$(ENV) for dir in $$(grep -rlE 'flag\.Bool\("update"' --include='*_test.go' internal | xargs -r -n1 dirname | sort -u); do \
		go test -tags $(FAST_TAGS) "./$$dir" -update; done

check-data: build ## guard-nano on the labelled texts of SHARED/data (not part of test: the texts are not in this repository)
	@$(ENV) python3 scripts/check_data.py bin/guardhouse $(SHARED)/data/moderation/dev.jsonl.gz

check-reference: build ## forced verdicts against unforced greedy decoding on 2,000 rows of SHARED/data (not part of test)
	@$(ENV) python3 scripts/check_reference.py bin/guardhouse $(SHARED)/data/moderation/dev.jsonl.gz

ci: ## what every change must pass
	@bash .ci/run

# ---- code ----------------------------------------------------------------------------------------------------------

.PHONY: lint lint-text vet-native fmt generate check-generated migrate-new image-root docker
lint: setup-lint lint-text vet-native ## golangci-lint on everything, go vet on the native packages, hadolint, shellcheck
	@$(ENV) golangci-lint run --build-tags $(FAST_TAGS) ./...

lint-text: setup-lint # the Dockerfile and every shell script; the least remark fails
	@$(ENV) hadolint --failure-threshold info Dockerfile
	@$(ENV) git ls-files -z -co --exclude-standard '*.sh' .ci/run | xargs -0 shellcheck --external-sources

vet-native: native
	@$(ENV) go vet $$(scripts/native-packages.sh)
	@unformatted=$$(git ls-files -z -co --exclude-standard '*.go' | xargs -0 gofmt -l); [ -z "$$unformatted" ] || { echo "not gofmt'ed (make fmt):"; echo "$$unformatted"; exit 1; }

fmt: setup-lint ## format all Go code
	@$(ENV) golangci-lint fmt ./...

generate: ## server types and TypeScript client from internal/httpapi/openapi.yaml
	@$(ENV) cd internal/httpapi/gen && go tool oapi-codegen -config oapi.yaml ../openapi.yaml
	@$(ENV) cd web && npm run --silent generate

check-generated: ## fails when generated files differ from what openapi.yaml gives
	@scripts/check-generated.sh

migrate-new: ## make migrate-new name=what_it_does: the next numbered migration
	@[[ "$(name)" =~ ^[a-z][a-z0-9_]*$$ ]] || { echo "usage: make migrate-new name=what_it_does" >&2; exit 2; }
	@next=$$(printf '%04d' $$((10#$$(ls migrations | sed -n 's/^\([0-9]\{4\}\)_.*\.sql$$/\1/p' | sort | tail -n 1) + 1))); \
	file="migrations/$${next}_$(name).sql"; printf -- '-- +goose Up\n-- Why: \n' >"$$file"; echo "$$file"

image-root: build ## what the container image holds, from bin/guardhouse, into bin/image
	@rm -rf bin/image && scripts/image/root.sh bin/guardhouse bin/image

docker: ## a container image, guardhouse:$(VERSION)
	docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) -t guardhouse:$(VERSION) .
