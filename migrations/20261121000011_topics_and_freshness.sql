-- migrate:up

ALTER TABLE passages
  ADD COLUMN kind text NOT NULL DEFAULT 'general'
    CHECK (kind IN ('definition', 'question', 'process', 'data', 'general'));
COMMENT ON COLUMN passages.kind IS 'What the passage does, told by plain marks: see core/library/topics.py.';
COMMENT ON COLUMN sources.topics IS 'What it is about, most telling first, as people write it.';
COMMENT ON COLUMN sources.chapters IS 'Of the platform where it has some, else found in the text.';

ALTER TABLE sources
  ADD COLUMN etag text NOT NULL DEFAULT '',
  ADD COLUMN last_modified text NOT NULL DEFAULT '',
  ADD COLUMN checked_at timestamptz;
COMMENT ON COLUMN sources.etag IS 'What its server called the version that was read, to ask later for a newer one.';
COMMENT ON COLUMN sources.checked_at IS 'When it was last looked for where it came from.';

-- What a listing has ever held: an entry that the creator removed is not new when it is listed again.
CREATE TABLE listed (
  creator_id bigint NOT NULL,
  listing_id bigint NOT NULL,
  content_hash bytea NOT NULL,
  PRIMARY KEY (creator_id, listing_id, content_hash),
  FOREIGN KEY (creator_id, listing_id) REFERENCES sources ON DELETE CASCADE
);
ALTER TABLE listed ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY creator ON listed TO chronos_app
  USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator());
CREATE POLICY backup ON listed FOR SELECT TO chronos_backup USING (true);
GRANT SELECT, INSERT ON listed TO chronos_app;
GRANT SELECT ON listed TO chronos_backup;

-- What listings held so far is known by what was uploaded with them.
ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
ALTER TABLE items NO FORCE ROW LEVEL SECURITY;
ALTER TABLE listed NO FORCE ROW LEVEL SECURITY;
INSERT INTO listed (creator_id, listing_id, content_hash)
  SELECT DISTINCT l.creator_id, l.id, e.content_hash
    FROM sources l
    JOIN items li ON li.creator_id = l.creator_id AND li.source_id = l.id
    JOIN items ei ON ei.creator_id = l.creator_id AND ei.workflow_id = li.workflow_id
    JOIN sources e ON e.creator_id = l.creator_id AND e.id = ei.source_id AND e.id <> l.id
   WHERE l.kind = 'listing';
ALTER TABLE sources FORCE ROW LEVEL SECURITY;
ALTER TABLE items FORCE ROW LEVEL SECURITY;
ALTER TABLE listed FORCE ROW LEVEL SECURITY;

-- migrate:down
DROP TABLE listed;
ALTER TABLE sources DROP COLUMN etag, DROP COLUMN last_modified, DROP COLUMN checked_at;
ALTER TABLE passages DROP COLUMN kind;
COMMENT ON COLUMN sources.topics IS NULL;
COMMENT ON COLUMN sources.chapters IS NULL;
