# shellcheck shell=bash
# The one set of compiler flags and paths of this repository. Source it with bash from anywhere:
#     . scripts/env.sh
# The Makefile sources it before every recipe, so build, test, vet and lint agree to the byte. The engine is about
# 200 C++ files: a second flag set would mean a second compile of all of them, minutes on a small machine.

# GH_, not GUARDHOUSE_: the program reads every GUARDHOUSE_ variable as a setting and refuses one that it does not know.
GH_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export GH_ROOT

# -march=native depends on the machine but reads the same everywhere, so Go's build cache could not tell two machines
# apart. The define carries a digest of what the compiler makes of it here: a cache that moved to another CPU misses.
# Where there is no compiler yet, setup installs one and the next recipe computes it again.
# GH_MARCH names another target for a binary that travels, such as x86-64-v3 for releases and the container image. Kernels of
# our own are compiled for their own instructions whatever it says, and internal/isa refuses a processor that lacks it.
_gh_march=${GH_MARCH:-native}
# The engine's module has no Go package for llama.cpp's AMX products, but calls them where the compiler may use AMX.
_gh_amx=
if echo | "${CC:-cc}" "-march=$_gh_march" -mno-amx-int8 -E -o /dev/null - 2>/dev/null; then _gh_amx=-mno-amx-int8; fi
_gh_cpu=$({ "${CC:-cc}" "-march=$_gh_march" $_gh_amx -Q --help=target 2>/dev/null || true; } | sha256sum | cut -c1-12)
# On arm64 with the dot product and without i8mm the engine's repacking of Q4_K writes four bytes past a block (docs/advisories.md).
_gh_repack=-DGGML_USE_CPU_REPACK
if _gh_macros=$(echo | "${CC:-cc}" "-march=$_gh_march" -dM -E - 2>/dev/null); then
    case "$_gh_macros" in
    *__ARM_FEATURE_MATMUL_INT8*) ;;
    *__ARM_FEATURE_DOTPROD*) _gh_repack= ;;
    esac
fi
export CGO_ENABLED=1
export CGO_CPPFLAGS="-DNDEBUG ${_gh_repack:+$_gh_repack }-DGUARDHOUSE_CPU_${_gh_cpu}"
export CGO_CFLAGS="-O3 -march=${_gh_march}${_gh_amx:+ $_gh_amx}"
export CGO_CXXFLAGS="$CGO_CFLAGS"
unset _gh_cpu _gh_march _gh_amx _gh_repack _gh_macros CGO_LDFLAGS CGO_FFLAGS

# Our small headers for what the engine's module lacks. A variable that Go does not put into its cache key, on purpose:
# the path differs from clone to clone, and every clone may share one compile.
export CPLUS_INCLUDE_PATH="$GH_ROOT/internal/inference/llamacpp/include"
# And the engine's own headers as the pinned module has them, for the kernels that plug into it.
if command -v go >/dev/null 2>&1; then
    _gh_ggml=$(cd / && go env GOMODCACHE)/github.com/ollama/ollama@$(sed -n 's|^\tgithub.com/ollama/ollama \(v[^ ]*\).*|\1|p' "$GH_ROOT/go.mod")/ml/backend/ggml/ggml
    CPLUS_INCLUDE_PATH="$CPLUS_INCLUDE_PATH:$_gh_ggml/include:$_gh_ggml/src:$_gh_ggml/src/ggml-cpu"
    unset _gh_ggml
fi

# Never gdb on an abort: it would print memory, and memory holds content (threat S5).
export GGML_NO_BACKTRACE=1

export GOFLAGS="-trimpath -buildvcs=false -tags=sqlite_fts5"

# Some distributions ship Go with GOTOOLCHAIN=local, which forbids what go.mod asks for. Unless the person set it in
# this shell, let Go fetch the named toolchain when its own is too old.
if [ -z "${GOTOOLCHAIN-}" ] && command -v go >/dev/null 2>&1; then
    _gh_need=$(sed -n 's/^go //p' "$GH_ROOT/go.mod")
    _gh_have=$(cd / && GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//')
    if [ "$(printf '%s\n%s\n' "$_gh_need" "$_gh_have" | sort -V | head -n 1)" != "$_gh_need" ]; then
        export GOTOOLCHAIN=auto
    fi
    unset _gh_need _gh_have
fi

# Tools that setup fetched come first, and nothing else changes on PATH.
for _gh_dir in "$GH_ROOT/.tools/bin" "$GH_ROOT/.tools/node/bin"; do
    case ":$PATH:" in
    *":$_gh_dir:"*) ;;
    *) [ -d "$_gh_dir" ] && PATH="$_gh_dir:$PATH" ;;
    esac
done
unset _gh_dir
export PATH
