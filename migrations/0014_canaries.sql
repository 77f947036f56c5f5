-- +goose Up
-- Why: a guard is held to what it said of fixed texts when it came. answers are of the set of texts with that hash, by the very bytes of
-- a model under a template. event_id is the row of the log that says the hash of answers: a change here alone is found.

CREATE TABLE canary_baselines (
    model_sha256    TEXT NOT NULL,
    template_sha256 TEXT NOT NULL,
    set_sha256      TEXT NOT NULL,
    answers         TEXT NOT NULL CHECK (json_valid(answers)),
    recorded_at     INTEGER NOT NULL,
    event_id        TEXT NOT NULL,
    PRIMARY KEY (model_sha256, template_sha256, set_sha256)
) STRICT;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
