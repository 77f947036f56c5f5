-- +goose Up
-- Why: people are administered after they were made. Users and roles count their versions, so that two admins who edit at
-- once are told; a program's session may carry a cookie as well; a session knows where it was last used; a restored key
-- stays off until somebody confirms it; a role's permission knows who gave or took it.

ALTER TABLE users ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN password_changed_at INTEGER;
ALTER TABLE users ADD COLUMN deleted_at INTEGER;

ALTER TABLE roles ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE roles ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE roles ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;

ALTER TABLE api_keys ADD COLUMN suspended_at INTEGER;

CREATE TABLE role_changes (
    id         INTEGER PRIMARY KEY NOT NULL,
    role       TEXT NOT NULL,
    action     TEXT NOT NULL,
    granted    INTEGER NOT NULL CHECK (granted IN (0, 1)),
    at         INTEGER NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    event_id   TEXT NOT NULL
) STRICT;
CREATE INDEX role_changes_cell ON role_changes (role, action, id);

CREATE TABLE sessions_new (
    id           TEXT PRIMARY KEY NOT NULL,
    user_id      TEXT NOT NULL REFERENCES users (id),
    kind         TEXT NOT NULL CHECK (kind IN ('browser', 'program')),
    token_hash   TEXT UNIQUE,
    epoch        INTEGER NOT NULL,
    ip           TEXT NOT NULL,
    last_ip      TEXT NOT NULL,
    user_agent   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    CHECK (kind = 'program' OR token_hash IS NOT NULL)
) STRICT;
CREATE TABLE refresh_tokens_new (
    token_hash TEXT PRIMARY KEY NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions_new (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
INSERT INTO sessions_new (id, user_id, kind, token_hash, epoch, ip, last_ip, user_agent, created_at, last_used_at, expires_at, revoked_at)
SELECT id, user_id, kind, token_hash, epoch, ip, ip, user_agent, created_at, last_used_at, expires_at, revoked_at FROM sessions;
INSERT INTO refresh_tokens_new SELECT token_hash, session_id, created_at, expires_at, used_at FROM refresh_tokens;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
ALTER TABLE sessions_new RENAME TO sessions;
ALTER TABLE refresh_tokens_new RENAME TO refresh_tokens;
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
