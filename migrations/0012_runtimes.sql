-- +goose Up
-- Why: a verdict says what computed it, so that it can be repeated and a difference be explained. The same few combinations stand
-- behind millions of rows: each is kept once. build is this program, engine the code of llama.cpp, device and kernels who computed,
-- flash and kv_cache what changes the numbers besides. runtime_id is NULL in rows that are older than this.

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

-- It has no index: nobody asks for the verdicts of a runtime, no runtime is ever removed, and each verdict would pay for it.
ALTER TABLE verdicts ADD COLUMN runtime_id INTEGER REFERENCES runtimes (id);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
