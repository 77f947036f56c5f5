#!/usr/bin/env bash
# The program for an image, which travels: a named target instead of this machine's processor.
#     scripts/image/build.sh MARCH VERSION
# x86-64-v3 is every server since about 2015 (AVX2, FMA); arm64: armv8.2-a+dotprod+fp16. Leaves bin/guardhouse.
set -euo pipefail
march=${1:?usage: build.sh MARCH VERSION}
version=${2:?usage: build.sh MARCH VERSION}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export GH_MARCH=$march
exec make build VERSION="$version"
