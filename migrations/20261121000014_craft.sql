-- migrate:up

-- A correction or a new cut is uploaded as a source of its own, and takes the place of another once it is ready. From
-- then on its row holds what stood there before, removed, for as long as that may be undone.
CREATE TABLE revisions (
  creator_id bigint NOT NULL,
  revises bigint NOT NULL,
  source_id bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('correction', 'replacement')),
  PRIMARY KEY (creator_id, revises, source_id),
  FOREIGN KEY (creator_id, revises) REFERENCES sources ON DELETE CASCADE,
  FOREIGN KEY (creator_id, source_id) REFERENCES sources ON DELETE CASCADE
);
CREATE INDEX revisions_of_source ON revisions (creator_id, source_id);
COMMENT ON TABLE revisions IS 'Sources that take, or took, the place of another: see adapters/postgres/revised.py.';

ALTER TABLE sources
  ADD COLUMN corrected_at timestamptz,
  ADD COLUMN announced_at timestamptz;
COMMENT ON COLUMN sources.corrected_at IS 'When its transcript was corrected by hand; what its site says later changes nothing.';
COMMENT ON COLUMN sources.announced_at IS 'When it was first ready, and announced where that was wanted.';

-- The owner is bound by policies, too.
ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
UPDATE sources SET announced_at = now() WHERE status = 'ready';
ALTER TABLE sources FORCE ROW LEVEL SECURITY;

CREATE TABLE glossary_names (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
  instead_of text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (creator_id, name)
);
CREATE UNIQUE INDEX glossary_names_once ON glossary_names (creator_id, lower(name));
COMMENT ON TABLE glossary_names IS 'Names as they are written, and what captions and recognisers make of them.';

CREATE TABLE announcements (
  creator_id bigint NOT NULL,
  community_id bigint NOT NULL,
  place jsonb NOT NULL,
  PRIMARY KEY (creator_id, community_id),
  FOREIGN KEY (creator_id, community_id) REFERENCES communities (creator_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE announcements IS 'Where in a community a new source is announced; no row: nowhere.';

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['revisions', 'glossary_names', 'announcements'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_backup', name);
  END LOOP;
END $$;
GRANT SELECT, INSERT ON revisions TO chronos_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON glossary_names, announcements TO chronos_app;

-- migrate:down
ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
ALTER TABLE revisions NO FORCE ROW LEVEL SECURITY;
DELETE FROM sources s USING revisions r WHERE r.creator_id = s.creator_id AND r.source_id = s.id;
ALTER TABLE sources DROP COLUMN corrected_at, DROP COLUMN announced_at;
ALTER TABLE sources FORCE ROW LEVEL SECURITY;
DROP TABLE announcements, glossary_names, revisions;
