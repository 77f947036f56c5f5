#!/usr/bin/env bash
# Opt-in: fills an audit log with five million rows (ROWS) of one chain in a folder of its own under TMPDIR, verifies it, asks it
# everything the page asks (TIMES each, 100), and prints how long filling and verifying took and p50 and p99 of each question. It needs about 3 KB of disk a row, and takes it away again.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
rows="${ROWS:-5000000}"
folder="${TMPDIR:-/tmp}"
free="$(df --output=avail -k "$folder" | tail -1)"
need=$((rows * 3))
if [ "$free" -lt "$need" ]; then
  echo "$folder has $((free / 1024)) MB free; $rows rows need $((need / 1024)) MB" >&2
  exit 1
fi
GUARDHOUSE_AUDIT_SCALE="$rows" exec go test -tags nollama,sqlite_fts5 ./internal/audit -run '^$' -bench AuditScale -benchtime "${TIMES:-100}x" -timeout 3h -v
