#!/usr/bin/env bash
# Generates again and compares with what lies in the tree, so it tells drift in an uncommitted tree as well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
files=(internal/httpapi/gen/gen.go web/src/api/schema.d.ts)
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
for file in "${files[@]}"; do
    [ -e "$file" ] || { echo "check-generated: $file is not there; run make generate" >&2; exit 1; }
    mkdir -p "$box/$(dirname "$file")"
    cp -p "$file" "$box/$file"
done
make --no-print-directory generate
passed=0 failed=0
for file in "${files[@]}"; do
    if cmp -s "$file" "$box/$file"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "check-generated: $file is not what openapi.yaml gives:" >&2
        diff -u "$box/$file" "$file" | head -n 40 >&2 || true
        cp -p "$box/$file" "$file"
    fi
done
if python3 scripts/guard-nano/adopt.py --check; then # what manifest and documents say of the embedded model
    passed=$((passed + 1))
else
    failed=$((failed + 1))
fi
if (cd scripts/guard-nano && python3 -m unittest -q tests.test_testset tests.test_adopt); then # its other tests need its packages
    passed=$((passed + 1))
else
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
