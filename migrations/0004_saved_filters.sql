-- +goose Up
-- Why: people come back to the same questions. A saved filter is one person's name for a page's query string; it opens
-- nothing and goes with the account. name_key is the name folded for case, which is unique for a person and page.
-- The volume over time counts decisions: with them in the index the rows themselves stay unread.

CREATE TABLE saved_filters (
    id         TEXT PRIMARY KEY NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id),
    page       TEXT NOT NULL CHECK (length(page) BETWEEN 1 AND 32),
    name       TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    name_key   TEXT NOT NULL,
    query      TEXT NOT NULL CHECK (length(query) BETWEEN 1 AND 1024),
    created_at INTEGER NOT NULL,
    UNIQUE (user_id, page, name_key)
) STRICT;

DROP INDEX audit_events_at;
CREATE INDEX audit_events_at ON audit_events (at, decision);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
