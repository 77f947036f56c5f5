-- +goose Up
-- Why: somebody says which models are in memory. wanted is 'loaded', 'unloaded', or 'after' for one that is to go once another is
-- the default of its kind. asked_at is when it was last loaded or unloaded by hand, in milliseconds: a model that failed is tried
-- again then; 0 = never.

ALTER TABLE models ADD COLUMN wanted TEXT NOT NULL DEFAULT 'loaded' CHECK (wanted IN ('loaded', 'after', 'unloaded'));
ALTER TABLE models ADD COLUMN asked_at INTEGER NOT NULL DEFAULT 0;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
