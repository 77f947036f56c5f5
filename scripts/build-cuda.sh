#!/usr/bin/env bash
# Builds the engine's library for NVIDIA GPUs from the sources of the module that go.mod pins, as ollama builds it, and puts it
# with CUDA's own libraries and a manifest of their hashes where the server loads it from (docs/gpu.md).
#     scripts/build-cuda.sh                      all of ollama's architectures for the toolkit that is here
#     scripts/build-cuda.sh --arch 86-real       one: minutes instead of hours, and a tenth of the size
# Needs nvcc (CUDA 12.8 or later, 13.0 is ollama's), cmake 3.21, a C++ compiler that nvcc takes, python3, and ninja or make.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: scripts/build-cuda.sh [--arch LIST] [--cuda DIR] [--build DIR] [--jobs N] [--into DIR]
  --arch LIST   architectures as CMake spells them, separated by commas: 86 (machine code and PTX), 86-real (machine code alone),
                90-virtual (PTX alone). Default: those of ollama's own release for this toolkit
  --cuda DIR    the CUDA toolkit; default: the one of nvcc on PATH, else /usr/local/cuda
  --build DIR   where objects stay between runs; default: build/cuda
  --jobs N      compilers at a time; default: one for each processor. Each takes up to 3 GB of memory
  --into DIR    where the library is put; default: /usr/lib/guardhouse. With "" it stays in the build folder
TEXT
}

fail() {
    echo "build-cuda.sh: $*" >&2
    exit 1
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
arch='' cuda='' build="$root/build/cuda" jobs=$(nproc) into=/usr/lib/guardhouse
while [ $# -gt 0 ]; do
    case "$1" in
    -h | --help) usage && exit 0 ;;
    --arch | --cuda | --build | --jobs | --into) [ $# -gt 1 ] || fail "$1 wants a value" ;;
    *) usage >&2 && exit 2 ;;
    esac
    case "$1" in
    --arch) arch=${2//,/;} ;;
    --cuda) cuda=$2 ;;
    --build) build=$2 ;;
    --jobs) jobs=$2 ;;
    --into) into=$2 ;;
    esac
    shift 2
done

version=$(sed -n 's|^\tgithub.com/ollama/ollama \(v[^ ]*\).*|\1|p' "$root/go.mod")
module=$(cd "$root" && go mod download -json "github.com/ollama/ollama@$version" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
[ -f "$module/CMakePresets.json" ] || fail "the sources of github.com/ollama/ollama $version are not in Go's module cache"

if [ -z "$cuda" ]; then
    nvcc=$(command -v nvcc || true)
    if [ -n "$nvcc" ]; then cuda=$(dirname "$(dirname "$(readlink -f "$nvcc")")"); else cuda=/usr/local/cuda; fi
fi
[ -x "$cuda/bin/nvcc" ] || fail "there is no nvcc in $cuda/bin: name the CUDA toolkit with --cuda"
cuda=$(cd "$cuda" && pwd)
mkdir -p "$build"
build=$(cd "$build" && pwd)

# A toolkit of Python's package index lacks the names that one links by, and the driver's stub. They are made beside it.
lib=$cuda/lib64
[ -d "$lib" ] || lib=$cuda/lib
if [ ! -e "$lib/libcudart.so" ]; then
    toolkit=$build/toolkit
    if [ ! -d "$toolkit" ]; then
        mkdir "$toolkit"
        cp -rs "$cuda/." "$toolkit/"
        [ -e "$toolkit/lib64" ] || ln -s lib "$toolkit/lib64"
        mkdir -p "$toolkit/lib64/stubs"
        for name in cudart cublas cublasLt; do
            found=("$toolkit/lib64/lib$name".so.[0-9]*)
            ln -s "${found[0]##*/}" "$toolkit/lib64/lib$name.so"
        done
        echo 'int cuInit(unsigned flags) { return flags == 0 ? 100 : 1; }' |
            cc -x c -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$toolkit/lib64/stubs/libcuda.so" -
    fi
    cuda=$toolkit lib=$toolkit/lib64
fi
release=$("$cuda/bin/nvcc" --version | sed -n 's/^.*release .*, V\(.*\)$/\1/p')
major=${release%%.*}

if [ -z "$arch" ]; then
    arch=$(python3 - "$module/CMakePresets.json" "CUDA $major" <<'PYTHON'
import json, sys
for preset in json.load(open(sys.argv[1]))["configurePresets"]:
    if preset["name"] == sys.argv[2]:
        print(preset["cacheVariables"]["CMAKE_CUDA_ARCHITECTURES"])
PYTHON
)
    [ -n "$arch" ] || fail "ollama has no list of architectures for CUDA $major: name them with --arch"
fi

# The module's own CMake file has all other options of ollama's release. C++'s library is linked in, so that a system without
# one of that age runs it, and no folder is searched for the rest: the server loads them first, by their hashes. The driver is
# needed by name even where the stub lacks what is called: the library finds it at the system's own place.
generator='Unix Makefiles'
if command -v ninja >/dev/null; then generator=Ninja; fi
static='-static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL -Wl,--no-as-needed'
# Threads of nvcc are no flag of CMake's: with another number all objects would be made again.
clean=(env -u CFLAGS -u CXXFLAGS -u CUDAFLAGS -u LDFLAGS -u CPLUS_INCLUDE_PATH -u NVCC_PREPEND_FLAGS "NVCC_APPEND_FLAGS=-t $((jobs < 2 ? 1 : 2))")
echo "CUDA $release, architectures $arch, engine $version"
started=$SECONDS
"${clean[@]}" cmake -G "$generator" -S "$module" -B "$build/tree" \
    -DCMAKE_CUDA_COMPILER="$cuda/bin/nvcc" -DCUDAToolkit_ROOT="$cuda" \
    -DCMAKE_CUDA_ARCHITECTURES="$arch" -DCMAKE_CUDA_FLAGS=-Wno-deprecated-gpu-targets \
    -DCMAKE_SHARED_LINKER_FLAGS="$static" -DCMAKE_MODULE_LINKER_FLAGS="$static" \
    -DCMAKE_SKIP_RPATH=ON -DCMAKE_DISABLE_FIND_PACKAGE_Vulkan=ON >"$build/configure.log" 2>&1 ||
    fail "cmake refused: $build/configure.log says why"
"${clean[@]}" cmake --build "$build/tree" --target ggml-cuda --parallel "$jobs"

# In the order in which they are loaded: what a library needs stands before it.
stage=$build/library
rm -rf "$stage"
mkdir "$stage"
files=("libcudart.so.$major" "libcublasLt.so.$major" "libcublas.so.$major" libggml-base.so.0 libggml-cuda.so)
for name in "${files[@]}"; do
    from=$lib/$name
    case "$name" in libggml-*) from=$build/tree/lib/ollama/$name ;; esac
    [ -e "$from" ] || fail "$from is missing"
    install -m 0644 "$(readlink -f "$from")" "$stage/$name"
    case "$name" in libggml-*) strip --strip-unneeded "$stage/$name" ;; esac
done
readelf -d "$stage/libggml-cuda.so" | grep -q 'NEEDED.*\[libcuda\.so\.1\]' || fail "libggml-cuda.so does not ask for the driver, libcuda.so.1"
system='^(lib(c|m|dl|rt|pthread|gcc_s)\.so\.[0-9]+|ld-linux[-a-z0-9_]*\.so\.[0-9]+|libcuda\.so\.1)$'
for name in "${files[@]}"; do
    while read -r needed; do
        if [[ ! $needed =~ $system && ! -e $stage/$needed ]]; then fail "$name needs $needed, which the server would not load"; fi
    done < <(readelf -d "$stage/$name" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
done
{
    printf 'guardhouse-gpu 1\nengine %s\ntoolkit %s\narchitectures %s\n' "$version" "$release" "$arch"
    (cd "$stage" && sha256sum "${files[@]}")
} >"$stage/MANIFEST"
chmod 0644 "$stage/MANIFEST"

if [ -n "$into" ]; then
    # Without a manifest nothing is loaded: it goes first and comes last.
    install -d -m 0755 "$into"
    rm -f "$into/MANIFEST"
    for name in "${files[@]}" MANIFEST; do install -m 0644 "$stage/$name" "$into/$name"; done
else
    into=$stage
fi
cat "$into/MANIFEST"
du -sh "$into" | sed 's/\t/ in /'
echo "built in $(((SECONDS - started) / 60)) minutes"
echo "SHA-256 of the manifest, for engine.gpu_library_sha256: $(sha256sum "$into/MANIFEST" | cut -d' ' -f1)"
