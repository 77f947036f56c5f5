-- The state that all migrations together must end in. Tests compare it, table by table and index by index, with a migrated
-- database; nothing runs it in production. Times are integers, milliseconds since 1970 in UTC.
-- Lists that are never filtered on are JSON arrays; whatever a query filters on is a row of its own.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE roles (
    name       TEXT PRIMARY KEY NOT NULL CHECK (length(name) BETWEEN 2 AND 64),
    builtin    INTEGER NOT NULL CHECK (builtin IN (0, 1)),
    created_at INTEGER NOT NULL,
    version     INTEGER NOT NULL DEFAULT 1,
    description TEXT NOT NULL DEFAULT '',
    updated_at  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Who gave a permission to a role, or took it. A cell without a row is as shipped. Roles may go, their changes stay.
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

-- casbin policy lines: ptype 'p', v0 role, v1 action. Who has which role is users.role and nothing else.
CREATE TABLE casbin_rules (
    id    INTEGER PRIMARY KEY NOT NULL,
    ptype TEXT NOT NULL CHECK (ptype = 'p'),
    v0    TEXT NOT NULL REFERENCES roles (name),
    v1    TEXT NOT NULL,
    UNIQUE (ptype, v0, v1)
) STRICT;
CREATE INDEX casbin_rules_v0 ON casbin_rules (v0);

-- username_key is the name folded for case, width and look-alikes; it is never freed, so a name is never used again.
CREATE TABLE users (
    id            TEXT PRIMARY KEY NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('person', 'service')),
    username      TEXT NOT NULL,
    username_key  TEXT NOT NULL UNIQUE,
    display_name  TEXT NOT NULL DEFAULT '',
    language      TEXT NOT NULL DEFAULT '' CHECK (language IN ('', 'en', 'zh-CN')),
    role          TEXT NOT NULL REFERENCES roles (name),
    status        TEXT NOT NULL CHECK (status IN ('active', 'disabled', 'invited', 'deleted')),
    password_hash TEXT NOT NULL DEFAULT '',
    epoch         INTEGER NOT NULL DEFAULT 1,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    last_login_at INTEGER,
    version             INTEGER NOT NULL DEFAULT 1,
    password_changed_at INTEGER,
    deleted_at          INTEGER
) STRICT;
CREATE INDEX users_role ON users (role);

-- One row per sign-in. The cookie carries the token itself; a program's bearer carries the id as sid, and a program may have
-- the cookie as well. ip is where it began, last_ip where it was last used.
CREATE TABLE sessions (
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
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- Single use: a used row that is presented again ends its session, which is the whole family.
CREATE TABLE refresh_tokens (
    token_hash TEXT PRIMARY KEY NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);

-- The secret is stored as HMAC-SHA-256 under the key-hash sub-key; a lookup is by id, the comparison in constant time.
-- suspended_at: a restored key is off until somebody confirms it.
-- line is the first key of those that rotations made one from the other: rules and limits name it. Empty: the key is the first.
CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY NOT NULL,
    user_id      TEXT NOT NULL REFERENCES users (id),
    label        TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    secret_hash  TEXT NOT NULL,
    models       TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(models)),
    operations   TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(operations)),
    valid_until  INTEGER,
    created_by   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    last_used_ip TEXT NOT NULL DEFAULT '',
    revoked_at   INTEGER,
    suspended_at INTEGER,
    ip_ranges    TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(ip_ranges)),
    rate_limit   TEXT NOT NULL DEFAULT '',
    rotated_to   TEXT REFERENCES api_keys (id),
    line         TEXT NOT NULL DEFAULT '',
    noticed_at   INTEGER
) STRICT;
CREATE INDEX api_keys_user_id ON api_keys (user_id);
CREATE INDEX api_keys_line ON api_keys (line);

CREATE TABLE idempotency_keys (
    principal   TEXT NOT NULL,
    route       TEXT NOT NULL,
    key         TEXT NOT NULL,
    body_hash   TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (principal, route, key)
) STRICT;

-- origin says which rows may be rewritten by a migration: 'shipped' ones came with the product.
CREATE TABLE acl_rules (
    id         TEXT PRIMARY KEY NOT NULL,
    effect     TEXT NOT NULL CHECK (effect IN ('allow', 'deny')),
    mode       TEXT NOT NULL CHECK (mode IN ('enforce', 'report-only')),
    conditions TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(conditions)),
    note       TEXT NOT NULL DEFAULT '',
    owner_id   TEXT REFERENCES users (id),
    origin     TEXT NOT NULL CHECK (origin IN ('shipped', 'admin', 'import', 'file')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX acl_rules_owner_id ON acl_rules (owner_id);

-- kind 'any' has an empty ref; 'user' and 'key' hold ids, never names, so a reused name inherits nothing.
CREATE TABLE acl_rule_principals (
    rule_id TEXT NOT NULL REFERENCES acl_rules (id) ON DELETE CASCADE,
    kind    TEXT NOT NULL CHECK (kind IN ('any', 'role', 'user', 'key', 'group')),
    ref     TEXT NOT NULL,
    PRIMARY KEY (rule_id, kind, ref)
) STRICT;

-- model is an id or a glob with '*'.
CREATE TABLE acl_rule_models (
    rule_id TEXT NOT NULL REFERENCES acl_rules (id) ON DELETE CASCADE,
    model   TEXT NOT NULL,
    PRIMARY KEY (rule_id, model)
) STRICT;

CREATE TABLE acl_rule_operations (
    rule_id   TEXT NOT NULL REFERENCES acl_rules (id) ON DELETE CASCADE,
    operation TEXT NOT NULL CHECK (operation IN ('view', 'infer', 'train', 'download', '*')),
    PRIMARY KEY (rule_id, operation)
) STRICT;

-- One row per change of roles, rules or users' roles: the number that stands on every verdict and audit row.
CREATE TABLE policy_versions (
    version    INTEGER PRIMARY KEY NOT NULL,
    changed_at INTEGER NOT NULL,
    reason     TEXT NOT NULL
) STRICT;

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

-- A person's own names for the query strings of pages with lists; removed with the account.
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

-- What the console changed, between the configuration file and the defaults; hidden where a flag, the environment or the file
-- sets the key.
CREATE TABLE settings (
    key        TEXT PRIMARY KEY NOT NULL,
    value      TEXT NOT NULL CHECK (length(value) <= 1024),
    changed_at INTEGER NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    event_id   TEXT NOT NULL
) STRICT;

-- One row per change of settings: what an ETag names.
CREATE TABLE settings_versions (
    version    INTEGER PRIMARY KEY NOT NULL,
    changed_at INTEGER NOT NULL,
    event_id   TEXT NOT NULL
) STRICT;

CREATE TABLE models (
    id              TEXT PRIMARY KEY NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('guard', 'chat', 'vision', 'image')),
    origin          TEXT NOT NULL CHECK (origin IN ('embedded', 'imported')),
    file            TEXT NOT NULL,
    size_bytes      INTEGER NOT NULL CHECK (size_bytes > 0),
    sha256          TEXT NOT NULL CHECK (length(sha256) = 64),
    architecture    TEXT NOT NULL,
    quantization    TEXT NOT NULL,
    context_length  INTEGER NOT NULL CHECK (context_length > 0),
    template_sha256 TEXT NOT NULL,
    is_default      INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
    created_at      INTEGER NOT NULL,
    removed_at      INTEGER
) STRICT;
CREATE UNIQUE INDEX models_one_default ON models (kind) WHERE is_default = 1;

-- The log. No row is ever updated or deleted; seq has no gaps; the chain is prev_hash -> hash (docs/audit.md).
CREATE TABLE audit_events (
    seq            INTEGER PRIMARY KEY NOT NULL CHECK (seq > 0),
    id             TEXT NOT NULL UNIQUE,
    v              INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    actor_type     TEXT NOT NULL CHECK (actor_type IN ('user', 'key', 'anonymous', 'system')),
    actor_id       TEXT NOT NULL,
    actor_name     TEXT NOT NULL,
    key_id         TEXT NOT NULL,
    roles          TEXT NOT NULL CHECK (json_valid(roles)),
    groups         TEXT NOT NULL CHECK (json_valid(groups)),
    purpose        TEXT NOT NULL,
    operation      TEXT NOT NULL,
    ip             TEXT NOT NULL,
    user_agent     TEXT NOT NULL,
    action         TEXT NOT NULL,
    resource       TEXT NOT NULL,
    model          TEXT NOT NULL,
    model_sha256   TEXT NOT NULL,
    decision       TEXT NOT NULL CHECK (decision IN ('allow', 'deny', 'error')),
    reason         TEXT NOT NULL,
    rule_id        TEXT NOT NULL,
    policy_version INTEGER NOT NULL,
    request_id     TEXT NOT NULL,
    content_hash   TEXT NOT NULL,
    duration_us    INTEGER NOT NULL,
    details        TEXT NOT NULL CHECK (json_valid(details)),
    prev_hash      TEXT NOT NULL UNIQUE,
    hash           TEXT NOT NULL UNIQUE
) STRICT;
CREATE INDEX audit_events_actor ON audit_events (actor_name, seq);
CREATE INDEX audit_events_actor_id ON audit_events (actor_id, seq);
CREATE INDEX audit_events_key_id ON audit_events (key_id, seq) WHERE key_id <> '';
CREATE INDEX audit_events_ip ON audit_events (ip, seq);
CREATE INDEX audit_events_action ON audit_events (action, seq);
CREATE INDEX audit_events_model ON audit_events (model, seq);
CREATE INDEX audit_events_decision ON audit_events (decision, seq);
CREATE INDEX audit_events_request_id ON audit_events (request_id);
CREATE INDEX audit_events_at ON audit_events (at, decision);

-- The text itself is never here in this release; its keyed hash stands in the audit row.
CREATE TABLE verdicts (
    id              TEXT PRIMARY KEY NOT NULL,
    audit_seq       INTEGER NOT NULL REFERENCES audit_events (seq),
    item            INTEGER NOT NULL CHECK (item >= 0),
    request_id      TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    owner_id        TEXT NOT NULL,
    actor_type      TEXT NOT NULL,
    actor_id        TEXT NOT NULL,
    actor_name      TEXT NOT NULL,
    model_id        TEXT NOT NULL,
    model_sha256    TEXT NOT NULL,
    quantization    TEXT NOT NULL,
    template_sha256 TEXT NOT NULL,
    policy_version  INTEGER NOT NULL,
    mode            TEXT NOT NULL CHECK (mode IN ('strict', 'loose')),
    severity        TEXT NOT NULL CHECK (severity IN ('Safe', 'Controversial', 'Unsafe')),
    categories      TEXT NOT NULL CHECK (json_valid(categories)),
    refusal         INTEGER CHECK (refusal IN (0, 1)),
    flagged         INTEGER NOT NULL CHECK (flagged IN (0, 1)),
    action          TEXT NOT NULL CHECK (action IN ('allow', 'block', 'review')),
    score_safe      REAL NOT NULL,
    score_contro    REAL NOT NULL,
    score_unsafe    REAL NOT NULL,
    score_other     REAL NOT NULL,
    cached          INTEGER NOT NULL CHECK (cached IN (0, 1)),
    queue_us        INTEGER NOT NULL,
    model_us        INTEGER NOT NULL,
    total_us        INTEGER NOT NULL,
    prompt_tokens   INTEGER NOT NULL,
    passes          INTEGER NOT NULL,
    windows         INTEGER NOT NULL,
    deciding_window INTEGER NOT NULL DEFAULT 0 CHECK (deciding_window >= 0),
    UNIQUE (audit_seq, item)
) STRICT;
CREATE INDEX verdicts_owner ON verdicts (owner_id, id);
CREATE INDEX verdicts_created_at ON verdicts (created_at);

CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit rows are append-only');
END;
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit rows are append-only');
END;
