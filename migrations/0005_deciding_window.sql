-- +goose Up
-- Why: a long text is judged in windows, and the verdict is the worst one's. Which one that was could not be told later.
-- 0 = not known: the row is older than this.

ALTER TABLE verdicts ADD COLUMN deciding_window INTEGER NOT NULL DEFAULT 0 CHECK (deciding_window >= 0);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
