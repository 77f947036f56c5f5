-- +goose Up
-- Why: rows of the log may go once they are old enough, in a way that an outsider can check: a signed tombstone stands where they
-- were, and only what is under one can be deleted. Holds keep rows whatever their age.

-- Rows first_seq to last_seq went, or are going, from the last to the first. prev_hash is the hash of the row before the first,
-- last_hash that of the last, which the next row names. note is what was signed, byte for byte; event_id is the removal's audit row.
CREATE TABLE audit_tombstones (
    first_seq INTEGER PRIMARY KEY NOT NULL CHECK (first_seq > 0),
    last_seq  INTEGER NOT NULL CHECK (last_seq >= first_seq),
    rows      INTEGER NOT NULL CHECK (rows = last_seq - first_seq + 1),
    prev_hash TEXT NOT NULL,
    last_hash TEXT NOT NULL,
    from_at   INTEGER NOT NULL,
    to_at     INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    rule      TEXT NOT NULL,
    event_id  TEXT NOT NULL,
    note      TEXT NOT NULL
) STRICT;
CREATE INDEX audit_tombstones_event_id ON audit_tombstones (event_id);

-- user_id '' is everybody, a missing end is open: one of the three is given. A hold ends by its release and is never removed.
CREATE TABLE audit_holds (
    id               TEXT PRIMARY KEY NOT NULL,
    user_id          TEXT NOT NULL,
    user_name        TEXT NOT NULL,
    from_at          INTEGER,
    to_at            INTEGER,
    reason           TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    created_at       INTEGER NOT NULL,
    created_name     TEXT NOT NULL,
    event_id         TEXT NOT NULL,
    released_at      INTEGER,
    released_name    TEXT NOT NULL DEFAULT '',
    release_reason   TEXT NOT NULL DEFAULT '',
    release_event_id TEXT NOT NULL DEFAULT '',
    CHECK (user_id <> '' OR from_at IS NOT NULL OR to_at IS NOT NULL),
    CHECK (from_at IS NULL OR to_at IS NULL OR to_at > from_at)
) STRICT;

-- A removal: what was decided, and how far it came. Without finished_at it goes on, whoever does it.
CREATE TABLE retention_runs (
    id             INTEGER PRIMARY KEY NOT NULL,
    at             INTEGER NOT NULL,
    actor_name     TEXT NOT NULL,
    event_id       TEXT NOT NULL UNIQUE,
    audit_days     INTEGER NOT NULL,
    verdict_days   INTEGER NOT NULL,
    session_days   INTEGER NOT NULL,
    audit_seq      INTEGER NOT NULL,
    verdict_seq    INTEGER NOT NULL,
    session_before INTEGER NOT NULL,
    rows           INTEGER NOT NULL,
    verdicts       INTEGER NOT NULL,
    sessions       INTEGER NOT NULL,
    rows_gone      INTEGER NOT NULL DEFAULT 0,
    verdicts_gone  INTEGER NOT NULL DEFAULT 0,
    sessions_gone  INTEGER NOT NULL DEFAULT 0,
    finished_at    INTEGER,
    problem        TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX retention_runs_open ON retention_runs ((finished_at IS NULL)) WHERE finished_at IS NULL;

-- Up to which checkpoint somebody said that the clock is right.
CREATE TABLE retention_clock (
    number     INTEGER PRIMARY KEY NOT NULL,
    at         INTEGER NOT NULL,
    actor_name TEXT NOT NULL,
    reason     TEXT NOT NULL,
    event_id   TEXT NOT NULL
) STRICT;

-- What was done to somebody's account, for holds.
CREATE INDEX audit_events_account ON audit_events (resource, seq) WHERE resource >= 'user:' AND resource < 'user;';

DROP TRIGGER audit_events_no_delete;
-- +goose StatementBegin
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
WHEN coalesce((SELECT last_seq FROM audit_tombstones WHERE first_seq <= old.seq ORDER BY first_seq DESC LIMIT 1), 0) < old.seq
BEGIN
    SELECT RAISE(ABORT, 'audit rows are append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_tombstones_apart BEFORE INSERT ON audit_tombstones
WHEN new.last_seq >= (SELECT coalesce(max(seq), 0) FROM audit_events)
    OR coalesce((SELECT last_seq FROM audit_tombstones WHERE first_seq <= new.last_seq ORDER BY first_seq DESC LIMIT 1), 0) >= new.first_seq
BEGIN
    SELECT RAISE(ABORT, 'a tombstone stands for rows before the last one, and for each once');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_tombstones_no_update BEFORE UPDATE ON audit_tombstones
BEGIN
    SELECT RAISE(ABORT, 'tombstones are append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_tombstones_no_delete BEFORE DELETE ON audit_tombstones
BEGIN
    SELECT RAISE(ABORT, 'tombstones are append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_holds_only_release BEFORE UPDATE ON audit_holds
WHEN old.released_at IS NOT NULL OR new.released_at IS NULL OR new.id <> old.id OR new.user_id <> old.user_id
    OR new.from_at IS NOT old.from_at OR new.to_at IS NOT old.to_at OR new.created_at <> old.created_at OR new.event_id <> old.event_id
BEGIN
    SELECT RAISE(ABORT, 'a hold only ends, once');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_holds_no_delete BEFORE DELETE ON audit_holds
BEGIN
    SELECT RAISE(ABORT, 'holds are kept');
END;
-- +goose StatementEnd

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
