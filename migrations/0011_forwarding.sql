-- +goose Up
-- Why: the log is sent to other machines. The buffer is the log itself: a target is its settings and how far it is. secret is
-- sealed under a key of the data folder: a webhook's, or the key of a client certificate. seq and checkpoint are the last row and
-- the last signed checkpoint that the target surely has. alerts remembers what was told, so that it is told once.

CREATE TABLE forward_targets (
    id         TEXT PRIMARY KEY NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('syslog', 'webhook')),
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    settings   TEXT NOT NULL CHECK (json_valid(settings)),
    secret     BLOB,
    secret_previous       BLOB,
    secret_previous_until INTEGER,
    paused_at  INTEGER,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    version    INTEGER NOT NULL,
    seq        INTEGER NOT NULL CHECK (seq >= 0),
    checkpoint INTEGER NOT NULL CHECK (checkpoint >= 0),
    sent       INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    sent_at    INTEGER,
    last_error TEXT NOT NULL,
    failing_since INTEGER
) STRICT;

CREATE TABLE alerts (
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    raised_at  INTEGER NOT NULL,
    cleared_at INTEGER,
    details    TEXT NOT NULL CHECK (json_valid(details)),
    event_id   TEXT NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
