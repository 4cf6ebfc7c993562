-- migrate:up

-- What failed so far was said on its card alone; from now on its uploader is told, once for each time it failed.
ALTER TABLE items
  ADD COLUMN told boolean NOT NULL DEFAULT true,
  ADD COLUMN progress_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE items ALTER COLUMN told SET DEFAULT false;
COMMENT ON COLUMN items.told IS 'Whether the uploader was told, by a message of its own, that it failed.';
COMMENT ON COLUMN items.progress_at IS 'When the progress was noted, to tell the speed of a stage.';

-- migrate:down
ALTER TABLE items DROP COLUMN told, DROP COLUMN progress_at;
