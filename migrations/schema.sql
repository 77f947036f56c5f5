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
    removed_at      INTEGER,
    wanted          TEXT NOT NULL DEFAULT 'loaded' CHECK (wanted IN ('loaded', 'after', 'unloaded')),
    asked_at        INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX models_one_default ON models (kind) WHERE is_default = 1;

-- The log. No row is ever updated, and only what stands under a tombstone is deleted; seq has no gaps; the chain is prev_hash -> hash (docs/audit.md).
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

-- What the log is searched by, made of rows that are in it already: the words, the sums by minute and hour, and up to where they go.
CREATE VIRTUAL TABLE audit_search USING fts5 (words, content='', contentless_delete=1, detail=none, tokenize='ascii');

CREATE TABLE audit_index (
    id  INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT;
CREATE TABLE audit_sums (
    width     INTEGER NOT NULL CHECK (width IN (60000, 3600000)),
    at        INTEGER NOT NULL,
    decision  TEXT NOT NULL,
    n         INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    PRIMARY KEY (width, at, decision)
) STRICT, WITHOUT ROWID;

-- The text itself is never here in this release; its keyed hash stands in the audit row.
CREATE TABLE runtimes (
    id       INTEGER PRIMARY KEY NOT NULL,
    build    TEXT NOT NULL,
    engine   TEXT NOT NULL,
    device   TEXT NOT NULL,
    kernels  TEXT NOT NULL,
    flash    INTEGER NOT NULL CHECK (flash IN (0, 1)),
    kv_cache TEXT NOT NULL,
    UNIQUE (build, engine, device, kernels, flash, kv_cache)
) STRICT;

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
    runtime_id      INTEGER REFERENCES runtimes (id),
    UNIQUE (audit_seq, item)
) STRICT;
CREATE INDEX verdicts_owner ON verdicts (owner_id, id);
CREATE INDEX verdicts_created_at ON verdicts (created_at);

CREATE TRIGGER audit_events_unindex AFTER DELETE ON audit_events WHEN old.seq <= (SELECT seq FROM audit_index)
BEGIN
    DELETE FROM audit_search WHERE rowid = old.seq;
    UPDATE audit_sums SET n = n - 1 WHERE width = 60000 AND at = old.at / 60000 * 60000 AND decision = old.decision;
    UPDATE audit_sums SET n = n - 1 WHERE width = 3600000 AND at = old.at / 3600000 * 3600000 AND decision = old.decision;
END;
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit rows are append-only');
END;
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
WHEN coalesce((SELECT last_seq FROM audit_tombstones WHERE first_seq <= old.seq ORDER BY first_seq DESC LIMIT 1), 0) < old.seq
BEGIN
    SELECT RAISE(ABORT, 'audit rows are append-only');
END;

-- The one name under which this log is signed for: no two logs share one.
CREATE TABLE audit_install (
    id   INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    name TEXT NOT NULL
) STRICT;

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

CREATE TRIGGER audit_keys_no_update BEFORE UPDATE ON audit_keys
BEGIN
    SELECT RAISE(ABORT, 'the log''s keys are append-only');
END;
CREATE TRIGGER audit_keys_no_delete BEFORE DELETE ON audit_keys
BEGIN
    SELECT RAISE(ABORT, 'the log''s keys are append-only');
END;
CREATE TRIGGER audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are append-only');
END;
CREATE TRIGGER audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are append-only');
END;

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
CREATE INDEX audit_events_rule ON audit_events (rule_id, seq) WHERE rule_id <> '';
CREATE INDEX audit_events_reason ON audit_events (reason, seq) WHERE reason <> '';
CREATE INDEX audit_events_purpose ON audit_events (purpose, seq) WHERE purpose <> '';

CREATE TRIGGER audit_tombstones_apart BEFORE INSERT ON audit_tombstones
WHEN new.last_seq >= (SELECT coalesce(max(seq), 0) FROM audit_events)
    OR coalesce((SELECT last_seq FROM audit_tombstones WHERE first_seq <= new.last_seq ORDER BY first_seq DESC LIMIT 1), 0) >= new.first_seq
BEGIN
    SELECT RAISE(ABORT, 'a tombstone stands for rows before the last one, and for each once');
END;
CREATE TRIGGER audit_tombstones_no_update BEFORE UPDATE ON audit_tombstones
BEGIN
    SELECT RAISE(ABORT, 'tombstones are append-only');
END;
CREATE TRIGGER audit_tombstones_no_delete BEFORE DELETE ON audit_tombstones
BEGIN
    SELECT RAISE(ABORT, 'tombstones are append-only');
END;
CREATE TRIGGER audit_holds_only_release BEFORE UPDATE ON audit_holds
WHEN old.released_at IS NOT NULL OR new.released_at IS NULL OR new.id <> old.id OR new.user_id <> old.user_id
    OR new.from_at IS NOT old.from_at OR new.to_at IS NOT old.to_at OR new.created_at <> old.created_at OR new.event_id <> old.event_id
BEGIN
    SELECT RAISE(ABORT, 'a hold only ends, once');
END;
CREATE TRIGGER audit_holds_no_delete BEFORE DELETE ON audit_holds
BEGIN
    SELECT RAISE(ABORT, 'holds are kept');
END;

-- A schedule of exports goes on behind the last row that is in its files (after_seq).
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

-- How far each target of forwarding is. secret is sealed.
CREATE TABLE canary_baselines (
    model_sha256    TEXT NOT NULL,
    template_sha256 TEXT NOT NULL,
    set_sha256      TEXT NOT NULL,
    answers         TEXT NOT NULL CHECK (json_valid(answers)),
    recorded_at     INTEGER NOT NULL,
    event_id        TEXT NOT NULL,
    PRIMARY KEY (model_sha256, template_sha256, set_sha256)
) STRICT;

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
