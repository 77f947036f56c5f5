-- +goose Up
-- Why: parts of the log are written to a folder at set times. A schedule goes on behind the last row that it has exported.
-- at_minute is the minute of the day in UTC. after_seq: rows up to this number are in its files. last_file is the newest file: it
-- is written down before the file takes its name, so that a stop in between loses neither. retry_at is set while a run has failed.

CREATE TABLE export_schedules (
    id         TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 40),
    format     TEXT NOT NULL CHECK (format IN ('jsonl', 'csv')),
    bom        INTEGER NOT NULL CHECK (bom IN (0, 1)),
    filter     TEXT NOT NULL CHECK (json_valid(filter)),
    every      TEXT NOT NULL CHECK (every IN ('hour', 'day', 'week')),
    at_minute  INTEGER NOT NULL CHECK (at_minute BETWEEN 0 AND 1439),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    next_at    INTEGER NOT NULL,
    retry_at   INTEGER,
    after_seq  INTEGER NOT NULL DEFAULT 0,
    last_at    INTEGER,
    last_file  TEXT NOT NULL DEFAULT '',
    last_rows  INTEGER NOT NULL DEFAULT 0,
    last_seq   INTEGER NOT NULL DEFAULT 0,
    failures   INTEGER NOT NULL DEFAULT 0,
    failed_at  INTEGER,
    failed_why TEXT NOT NULL DEFAULT ''
) STRICT;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
