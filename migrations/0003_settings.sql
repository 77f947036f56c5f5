-- +goose Up
-- Why: some settings are changed in the console. A row is a value that stands between the configuration file and the default;
-- what is set elsewhere hides it. Versions count the changes, so that two admins who edit at once are told, and so that
-- other processes see that there is something new. A value that was taken back leaves no row: its changes stand in the audit log.

CREATE TABLE settings (
    key        TEXT PRIMARY KEY NOT NULL,
    value      TEXT NOT NULL CHECK (length(value) <= 1024),
    changed_at INTEGER NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    event_id   TEXT NOT NULL
) STRICT;

CREATE TABLE settings_versions (
    version    INTEGER PRIMARY KEY NOT NULL,
    changed_at INTEGER NOT NULL,
    event_id   TEXT NOT NULL
) STRICT;

INSERT INTO settings_versions (version, changed_at, event_id) VALUES (1, 0, '');

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
