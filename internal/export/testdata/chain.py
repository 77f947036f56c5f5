"""Reads an export in CSV and walks the chain that its rows make; prints their number and the last hash."""
import csv
import hashlib
import json
import sys

TEXTS = ["id", "at", "key_id", "purpose", "operation", "ip", "user_agent", "action", "resource", "model", "model_sha256",
         "decision", "reason", "rule_id", "request_id", "content_hash", "prev_hash"]
previous, rows = "0" * 64, 0
with open(sys.argv[1], encoding="utf-8-sig", newline="") as file:
    reader = csv.reader(file)
    columns = next(reader)
    for record in reader:
        if record[0] == "#manifest":
            break
        cell = {name: text[1:] if text.startswith("'") else text for name, text in zip(columns, record, strict=True)}
        event = {name: cell[name] for name in TEXTS}
        event |= {name: int(cell[name]) for name in ("v", "seq", "policy_version")}
        event |= {name: json.loads(cell[name]) for name in ("roles", "groups", "details", "duration_ms")}
        event["actor"] = {"type": cell["actor_type"], "id": cell["actor_id"], "name": cell["actor_name"]}
        canonical = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if event["prev_hash"] != previous or hashlib.sha256(canonical.encode()).hexdigest() != cell["hash"]:
            sys.exit(f"row {event['seq']} is wrong")
        previous, rows = cell["hash"], rows + 1
print(rows, previous)
