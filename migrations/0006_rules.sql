-- +goose Up
-- Why: rules may name groups of people, keys have limits of their own, changes of rules can be read and undone, what was used
-- outlives a restart, people ask for access, and owners look their rules over.

CREATE TABLE groups (
    id         TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    name_key   TEXT NOT NULL UNIQUE,
    note       TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    version    INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES groups (id),
    user_id  TEXT NOT NULL REFERENCES users (id),
    added_at INTEGER NOT NULL,
    PRIMARY KEY (group_id, user_id)
) STRICT;
CREATE INDEX group_members_user_id ON group_members (user_id);

ALTER TABLE api_keys ADD COLUMN ip_ranges TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(ip_ranges));
ALTER TABLE api_keys ADD COLUMN rate_limit TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN rotated_to TEXT REFERENCES api_keys (id);
-- line is the first key of those that rotations made one from the other: rules and limits name it. Empty: the key is the first.
ALTER TABLE api_keys ADD COLUMN line TEXT NOT NULL DEFAULT '';
CREATE INDEX api_keys_line ON api_keys (line);
-- When it was written down that the key ends soon.
ALTER TABLE api_keys ADD COLUMN noticed_at INTEGER;

CREATE TABLE policy_changes (
    version    INTEGER PRIMARY KEY NOT NULL REFERENCES policy_versions (version),
    at         INTEGER NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    event_id   TEXT NOT NULL,
    note       TEXT NOT NULL DEFAULT '',
    before     TEXT NOT NULL,
    after      TEXT NOT NULL
) STRICT;

-- What became of each rule in a version, and the models that it named before or after. It is how a rule's own history is found.
CREATE TABLE policy_changed_rules (
    rule_id TEXT NOT NULL,
    version INTEGER NOT NULL REFERENCES policy_changes (version),
    change  TEXT NOT NULL CHECK (change IN ('added', 'changed', 'removed')),
    models  TEXT NOT NULL CHECK (json_valid(models)),
    PRIMARY KEY (rule_id, version)
) STRICT;
CREATE INDEX policy_changed_rules_version ON policy_changed_rules (version);

-- One row while the rules come from acl.file.
CREATE TABLE policy_file (
    id         INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    path       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE limit_buckets (
    scope   INTEGER NOT NULL,
    bucket  BLOB NOT NULL,
    debt_ns INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (scope, bucket)
) STRICT;

CREATE TABLE limit_counters (
    scope  INTEGER NOT NULL,
    whose  TEXT NOT NULL,
    unit   TEXT NOT NULL,
    span   TEXT NOT NULL,
    start  INTEGER NOT NULL,
    used   INTEGER NOT NULL,
    held   INTEGER NOT NULL,
    PRIMARY KEY (scope, whose, unit, span, start)
) STRICT;

CREATE TABLE access_requests (
    id         TEXT PRIMARY KEY NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id),
    model      TEXT NOT NULL,
    operations TEXT NOT NULL CHECK (json_valid(operations)),
    purpose    TEXT NOT NULL,
    until      INTEGER NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('open', 'approved', 'declined', 'withdrawn')),
    created_at INTEGER NOT NULL,
    decided_at INTEGER,
    decided_by TEXT REFERENCES users (id),
    decided_name TEXT NOT NULL DEFAULT '',
    reason     TEXT NOT NULL DEFAULT '',
    rule_id    TEXT
) STRICT;
CREATE INDEX access_requests_status ON access_requests (status, created_at);
CREATE INDEX access_requests_user_id ON access_requests (user_id, created_at);

CREATE TABLE access_reviews (
    id         TEXT PRIMARY KEY NOT NULL,
    title      TEXT NOT NULL,
    rules      TEXT NOT NULL CHECK (json_valid(rules)),
    due_at     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT REFERENCES users (id),
    created_name TEXT NOT NULL,
    closed_at  INTEGER,
    closed_by  TEXT REFERENCES users (id),
    closed_name TEXT NOT NULL DEFAULT '',
    overdue_at INTEGER
) STRICT;

-- rule is the rule's text when the review began. overdue_at is when it was written down that the day had passed. asked: the
-- owner wants the rule gone, and an administrator has to remove it.
CREATE TABLE access_review_items (
    review_id  TEXT NOT NULL REFERENCES access_reviews (id),
    rule_id    TEXT NOT NULL,
    owner_id   TEXT REFERENCES users (id),
    rule       TEXT NOT NULL,
    decision   TEXT NOT NULL DEFAULT 'open' CHECK (decision IN ('open', 'kept', 'asked', 'removed')),
    decided_at INTEGER,
    decided_by TEXT REFERENCES users (id),
    decided_name TEXT NOT NULL DEFAULT '',
    note       TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (review_id, rule_id)
) STRICT;
CREATE INDEX access_review_items_owner ON access_review_items (owner_id, decision);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
