-- migrate:up

ALTER TABLE media_claims ADD COLUMN size_bytes bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN media_claims.size_bytes IS 'The room that is kept for it until it is put; 0 where it needs none.';

-- migrate:down
ALTER TABLE media_claims DROP COLUMN size_bytes;
