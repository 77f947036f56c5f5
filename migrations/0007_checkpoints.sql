-- +goose Up
-- Why: whoever can write the file can compute the whole chain anew. Signed checkpoints say what the chain was at a moment; the
-- keys that signed them stand here with their notes, and the private halves in files apart.

-- The one name under which this log is signed for: no two logs share one.
CREATE TABLE audit_install (
    id   INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    name TEXT NOT NULL
) STRICT;
INSERT INTO audit_install (id, name) VALUES (1, 'ins_' || lower(hex(randomblob(10))));

-- n counts keys from 1. previous is the key whose signature stands beside the new one's in note; empty where there was none,
-- or it was lost. event_id is the audit row of the change.
CREATE TABLE audit_keys (
    id       TEXT PRIMARY KEY NOT NULL,
    n        INTEGER NOT NULL UNIQUE CHECK (n > 0),
    verifier TEXT NOT NULL UNIQUE,
    at       INTEGER NOT NULL,
    previous TEXT NOT NULL,
    note     TEXT NOT NULL,
    event_id TEXT NOT NULL
) STRICT;

-- note is what was signed, byte for byte; the columns beside it are for finding it and prove nothing. previous is the hash of the
-- note before. boot_id and boot_ms are the machine's start and the time since then, which nobody sets.
CREATE TABLE audit_checkpoints (
    number   INTEGER PRIMARY KEY NOT NULL CHECK (number > 0),
    seq      INTEGER NOT NULL CHECK (seq >= 0),
    hash     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    cause    TEXT NOT NULL,
    key_id   TEXT NOT NULL REFERENCES audit_keys (id),
    previous TEXT NOT NULL UNIQUE,
    note     TEXT NOT NULL,
    boot_id  TEXT NOT NULL,
    boot_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_checkpoints_seq ON audit_checkpoints (seq);
CREATE INDEX audit_checkpoints_at ON audit_checkpoints (at);
CREATE INDEX audit_checkpoints_key_id ON audit_checkpoints (key_id);

-- +goose StatementBegin
CREATE TRIGGER audit_keys_no_update BEFORE UPDATE ON audit_keys
BEGIN
    SELECT RAISE(ABORT, 'the log''s keys are append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_keys_no_delete BEFORE DELETE ON audit_keys
BEGIN
    SELECT RAISE(ABORT, 'the log''s keys are append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are append-only');
END;
-- +goose StatementEnd

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
