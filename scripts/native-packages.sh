#!/usr/bin/env bash
# Prints the packages whose code or tests reach the real engine: those that `-tags nollama` cannot test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
go list -test -f '{{.ImportPath}} {{join .Deps " "}}' ./... |
    awk '/ github\.com\/ollama\/ollama\/llama( |$)/ {sub(/\.test$/, "", $1); if ($1 !~ /_test$/) print $1}' |
    sort -u
