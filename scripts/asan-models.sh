#!/usr/bin/env bash
# Loads every model file that our reader passes with the engine compiled for AddressSanitizer and UndefinedBehaviorSanitizer, without
# the sandbox, which ASan's address space does not fit into: siblings of a sound file, siblings and shapes by chance, the models in
# MODELS, shared/goldens and shared/models, what fuzzers kept, and then FuzzStrangers. A finding ends the run, with the file in KEEP.
#     scripts/asan-models.sh                       some ten minutes on two cores, of which the first compile takes four
#     STRANGERS=20000 CHANCE=7 FUZZTIME=15m scripts/asan-models.sh FOLDER...
# Not part of make test or ci: it needs gcc's libasan and libubsan and a compile of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

STRANGERS=${STRANGERS:-1000} CHANCE=${CHANCE:-1} FUZZTIME=${FUZZTIME:-1m}
KEEP=${KEEP:-${TMPDIR:-/tmp}/guardhouse-asan}
fuzzed=$(go env GOCACHE)/fuzz/guardhouse/internal/gguf
export GOCACHE=$KEEP/cache
mkdir -p "$KEEP"

# shift-base is left out: i-quants shift bits into the sign, which every compiler that we use defines.
undefined=bounds,integer-divide-by-zero,signed-integer-overflow,shift-exponent,null,bool,enum,return,unreachable,pointer-overflow,float-cast-overflow
CGO_CFLAGS="${CGO_CFLAGS/-O3/-O1} -g1 -fno-omit-frame-pointer -fsanitize=$undefined"
export CGO_CFLAGS CGO_CXXFLAGS="$CGO_CFLAGS -D_GLIBCXX_ASSERTIONS -D_GLIBCXX_SANITIZE_VECTOR" CGO_LDFLAGS=-fsanitize=undefined
go test -asan -c -o "$KEEP/llamacpp.test" ./internal/inference/llamacpp

# The pinned engine forgets 104 bytes for each tensor that it loads (docs/advisories.md).
echo leak:weight_buft_supported >"$KEEP/leaks"
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 LSAN_OPTIONS=suppressions=$KEEP/leaks:print_suppressions=0

corpora=
for folder in models testdata/gguf internal/gguf/testdata/fuzz ../shared/goldens/qwen ../shared/models "$fuzzed" "$@"; do
    if [ -d "$folder" ]; then corpora=$corpora:$(realpath "$folder"); fi
done
cd internal/inference/llamacpp
"$KEEP/llamacpp.test" -test.v -test.timeout 0 -test.run Strangers -siblings -strangers "$STRANGERS" -chance "$CHANCE" -corpora "${corpora#:}" -keep "$KEEP"
"$KEEP/llamacpp.test" -test.timeout 0 -test.run '^$' -test.fuzz '^FuzzStrangers$' -test.fuzztime "$FUZZTIME" -test.fuzzminimizetime 10s \
    -test.parallel "${PARALLEL:-1}" -test.fuzzcachedir "$KEEP/fuzz" </dev/null
