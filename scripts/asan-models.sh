#!/usr/bin/env bash
# Loads every model file that our reader passes with the engine compiled for AddressSanitizer and UndefinedBehaviorSanitizer, without
# the sandbox, which ASan's address space does not fit into: siblings of a sound file, siblings and shapes by chance, the models of
# this repository and beside it, what fuzzers kept, and then what FuzzStrangers makes. A finding ends the run: what was found and the
# file lie in KEEP.
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

# Go's -asan instruments C and Go, and no C++: that is ours to ask for. C++ is compiled without optimization, which takes half as long.
# shift-base is left out: i-quants shift bits into the sign, which every compiler that we use defines.
common=bounds,integer-divide-by-zero,signed-integer-overflow,shift-exponent
san() { echo "${CGO_CFLAGS/-O3/$1} -g1 -fno-omit-frame-pointer -fsanitize=$common,$2"; }
CGO_CXXFLAGS="$(san -O0 bool,enum,return,unreachable,float-cast-overflow,address) -D_GLIBCXX_ASSERTIONS -D_GLIBCXX_SANITIZE_VECTOR"
CGO_CFLAGS=$(san -O1 null,bool,enum,return,unreachable,pointer-overflow,float-cast-overflow)
export CGO_CFLAGS CGO_CXXFLAGS CGO_LDFLAGS=-fsanitize=undefined
go test -asan -c -o "$KEEP/llamacpp.test" ./internal/inference/llamacpp

# The pinned engine forgets 104 bytes for each tensor that it loads (docs/advisories.md).
echo leak:weight_buft_supported >"$KEEP/leaks"
# A fuzzer keeps to itself what its workers say: findings go into files.
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:log_path=$KEEP/finding
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:log_path=$KEEP/finding LSAN_OPTIONS=suppressions=$KEEP/leaks:print_suppressions=0

corpora=
for folder in models testdata/gguf internal/gguf/testdata/fuzz ../shared/goldens/qwen ../shared/models "$fuzzed" "$@"; do
    if [ -d "$folder" ]; then corpora=$corpora:$(realpath "$folder"); fi
done
cd internal/inference/llamacpp
rm -f "$KEEP"/finding.* "$KEEP"/control.*
# A sanitizer that finds nothing here would find nothing anywhere: token types of a byte each, which C reads as four.
if ASAN_OPTIONS=log_path=$KEEP/control "$KEEP/llamacpp.test" -test.run Kept -unchecked -corpora ../../../testdata/gguf/types-uint8.gguf >/dev/null 2>&1 ||
    ! grep -q heap-buffer-overflow "$KEEP"/control.*; then
    echo "asan-models: a read out of bounds was not found: the sanitizer does not work here" >&2
    exit 1
fi
"$KEEP/llamacpp.test" -test.v -test.timeout 0 -test.run Strangers -siblings -strangers "$STRANGERS" -chance "$CHANCE" -corpora "${corpora#:}" -keep "$KEEP"
"$KEEP/llamacpp.test" -test.timeout 0 -test.run '^$' -test.fuzz '^FuzzStrangers$' -test.fuzztime "$FUZZTIME" -test.fuzzminimizetime 10s \
    -test.parallel "${PARALLEL:-1}" -test.fuzzcachedir "$KEEP/fuzz" </dev/null
