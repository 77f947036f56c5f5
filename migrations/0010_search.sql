-- +goose Up
-- Why: a row of the log is found by rule, reason and purpose too, and by a part of its text, however long the log is. Words and
-- sums are made of rows that are there already, apart from appending: audit_index says up to which row they go. The words are
-- those of internal/audit (three characters of ASCII, two of other scripts): SQLite's own would miss Chinese of two characters.
-- The sums of a minute and of an hour also say between which numbers a time lies, however clocks were set.

CREATE INDEX audit_events_rule ON audit_events (rule_id, seq) WHERE rule_id <> '';
CREATE INDEX audit_events_reason ON audit_events (reason, seq) WHERE reason <> '';
CREATE INDEX audit_events_purpose ON audit_events (purpose, seq) WHERE purpose <> '';

CREATE VIRTUAL TABLE audit_search USING fts5 (words, content='', contentless_delete=1, detail=none, tokenize='ascii');

CREATE TABLE audit_index (
    id  INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO audit_index (id, seq) VALUES (1, 0);

CREATE TABLE audit_sums (
    width     INTEGER NOT NULL CHECK (width IN (60000, 3600000)),
    at        INTEGER NOT NULL,
    decision  TEXT NOT NULL,
    n         INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    PRIMARY KEY (width, at, decision)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER audit_events_unindex AFTER DELETE ON audit_events WHEN old.seq <= (SELECT seq FROM audit_index)
BEGIN
    DELETE FROM audit_search WHERE rowid = old.seq;
    UPDATE audit_sums SET n = n - 1 WHERE width = 60000 AND at = old.at / 60000 * 60000 AND decision = old.decision;
    UPDATE audit_sums SET n = n - 1 WHERE width = 3600000 AND at = old.at / 3600000 * 3600000 AND decision = old.decision;
END;
-- +goose StatementEnd

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
