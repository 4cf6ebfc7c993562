-- migrate:up

-- The owner is bound by policies, too: what is there already is brought along before they are forced again.
ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
ALTER TABLE items NO FORCE ROW LEVEL SECURITY;

ALTER TABLE sources
  DROP CONSTRAINT sources_kind_check,
  ADD CONSTRAINT sources_kind_check CHECK (kind IN ('video', 'audio', 'document', 'web_page', 'listing')),
  ADD COLUMN titled boolean NOT NULL DEFAULT true,
  ADD COLUMN origin_kind text NOT NULL DEFAULT 'timed_text'
    CHECK (origin_kind IN ('timed_text', 'media', 'document', 'link', 'listing')),
  ADD COLUMN origin_link text NOT NULL DEFAULT '',
  ADD COLUMN origin_key text NOT NULL DEFAULT '',
  ADD COLUMN origin_name text NOT NULL DEFAULT '',
  ADD COLUMN origin_captions jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN locator_kind text NOT NULL DEFAULT 'time' CHECK (locator_kind IN ('time', 'page', 'slide', 'heading')),
  ADD COLUMN chapters jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN topics text[] NOT NULL DEFAULT '{}',
  ADD COLUMN size_bytes bigint NOT NULL DEFAULT 0,
  ADD COLUMN media_key text NOT NULL DEFAULT '',
  ADD COLUMN tier text NOT NULL DEFAULT '',
  ADD COLUMN vanished_at timestamptz;
COMMENT ON COLUMN sources.titled IS 'Whether the uploader gave the title; otherwise what is read later may name it.';
COMMENT ON COLUMN sources.origin_kind IS 'What the source is made from: see OriginKind in core/library/store.py.';
COMMENT ON COLUMN sources.content_hash IS 'By what the same upload is known again: of the bytes, or of the canonical link.';
COMMENT ON COLUMN sources.media_key IS 'The kept recording that a watch page can play; empty where there is none.';
COMMENT ON COLUMN sources.vanished_at IS 'When a re-check found it gone where it came from.';

ALTER TABLE segments
  ADD COLUMN locator text NOT NULL DEFAULT '',
  ADD COLUMN speaker text NOT NULL DEFAULT '';
COMMENT ON COLUMN segments.locator IS 'The page, slide or heading where a reader of the document finds it.';

-- What was uploaded together, with one card.
CREATE TABLE workflows (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  title text NOT NULL DEFAULT '',
  settings jsonb NOT NULL DEFAULT '{}',
  card_id bigint,
  uploader_id bigint REFERENCES students ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (creator_id, id)
);
CREATE INDEX workflows_of_uploader ON workflows (uploader_id);

-- What was recognised, so that nothing is heard, or paid for, twice.
CREATE TABLE transcripts (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  key text NOT NULL,
  content jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, key)
);
COMMENT ON COLUMN transcripts.key IS 'A digest of the sound, of who heard it, and of what they were told.';

ALTER TABLE items
  DROP CONSTRAINT items_stage_check,
  ADD CONSTRAINT items_stage_check CHECK (stage IN ('pending', 'downloading', 'transcribing', 'chunking', 'embedding',
                                                    'validating', 'completed', 'failed', 'paused')),
  ADD COLUMN workflow_id bigint,
  ADD COLUMN position integer NOT NULL DEFAULT 0,
  ADD COLUMN last_error text NOT NULL DEFAULT '',
  ADD COLUMN stage_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN items.reason IS 'Why it failed or waits, in words for the creator.';
COMMENT ON COLUMN items.last_error IS 'What went wrong in the last attempt, in words for the operator.';
COMMENT ON COLUMN items.stage_at IS 'When the present stage began.';

INSERT INTO workflows (creator_id, id, card_id, created_at, finished_at) OVERRIDING SYSTEM VALUE
  SELECT creator_id, id, card_id, created_at, finished_at FROM items;
SELECT setval(pg_get_serial_sequence('workflows', 'id'), max(id)) FROM workflows;
UPDATE items SET workflow_id = id;
ALTER TABLE items
  ALTER COLUMN workflow_id SET NOT NULL,
  DROP COLUMN card_id,
  ADD FOREIGN KEY (creator_id, workflow_id) REFERENCES workflows ON DELETE CASCADE;
CREATE INDEX items_of_workflow ON items (creator_id, workflow_id);

-- Items with work left, over all creators: whoever takes jobs from the queue asks here which item is next.
CREATE TABLE admissions (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  item_id bigint NOT NULL,
  workflow_size integer NOT NULL DEFAULT 1,
  available_at timestamptz NOT NULL DEFAULT now(),
  failures integer NOT NULL DEFAULT 0,
  worker uuid,
  leased_until timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (creator_id, item_id),
  FOREIGN KEY (creator_id, item_id) REFERENCES items ON DELETE CASCADE
);
CREATE INDEX admissions_of_workers ON admissions (worker) WHERE worker IS NOT NULL;
COMMENT ON COLUMN admissions.failures IS 'Attempts that went wrong, and workers that died over it.';
COMMENT ON COLUMN admissions.worker IS 'Who holds it: the queue manager''s id, whose lock shows that it lives.';

CREATE TABLE turns (
  creator_id bigint PRIMARY KEY REFERENCES creators ON DELETE CASCADE,
  taken_at timestamptz NOT NULL
);
COMMENT ON TABLE turns IS 'When an item of a creator was last begun, so that creators take turns.';

INSERT INTO admissions (creator_id, item_id)
  SELECT i.creator_id, i.id FROM items i JOIN sources s ON s.creator_id = i.creator_id AND s.id = i.source_id
   WHERE i.stage NOT IN ('completed', 'failed') AND s.removed_at IS NULL;

ALTER TABLE sources FORCE ROW LEVEL SECURITY;
ALTER TABLE items FORCE ROW LEVEL SECURITY;
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['workflows', 'transcripts'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
  END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON workflows TO chronos_app;
GRANT SELECT, INSERT ON transcripts TO chronos_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON admissions TO chronos_system;
GRANT SELECT, INSERT, UPDATE ON turns TO chronos_system;
GRANT SELECT ON workflows, transcripts, admissions, turns TO chronos_backup;
GRANT SELECT ON SEQUENCE workflows_id_seq TO chronos_backup;

-- migrate:down
DROP TABLE turns, admissions, transcripts;
ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
ALTER TABLE items NO FORCE ROW LEVEL SECURITY;
ALTER TABLE workflows NO FORCE ROW LEVEL SECURITY;
-- What a link or a file stands for was unknown before.
DELETE FROM sources WHERE kind = 'listing' OR (origin_kind <> 'timed_text' AND status <> 'ready');
UPDATE sources SET kind = CASE WHEN timing = 'none' THEN 'document' ELSE 'video' END;
UPDATE items SET stage = 'pending' WHERE stage IN ('downloading', 'transcribing', 'paused');
ALTER TABLE items ADD COLUMN card_id bigint;
UPDATE items i SET card_id = w.card_id FROM workflows w WHERE w.creator_id = i.creator_id AND w.id = i.workflow_id;
ALTER TABLE items
  DROP COLUMN workflow_id, DROP COLUMN position, DROP COLUMN last_error, DROP COLUMN stage_at,
  DROP CONSTRAINT items_stage_check,
  ADD CONSTRAINT items_stage_check
    CHECK (stage IN ('pending', 'chunking', 'embedding', 'validating', 'completed', 'failed'));
COMMENT ON COLUMN items.reason IS NULL;
DROP TABLE workflows;
ALTER TABLE segments DROP COLUMN locator, DROP COLUMN speaker;
ALTER TABLE sources
  DROP COLUMN titled, DROP COLUMN origin_kind, DROP COLUMN origin_link, DROP COLUMN origin_key,
  DROP COLUMN origin_name, DROP COLUMN origin_captions, DROP COLUMN locator_kind, DROP COLUMN chapters,
  DROP COLUMN topics, DROP COLUMN size_bytes, DROP COLUMN media_key, DROP COLUMN tier, DROP COLUMN vanished_at,
  DROP CONSTRAINT sources_kind_check,
  ADD CONSTRAINT sources_kind_check CHECK (kind IN ('video', 'document'));
COMMENT ON COLUMN sources.content_hash IS NULL;
ALTER TABLE sources FORCE ROW LEVEL SECURITY;
ALTER TABLE items FORCE ROW LEVEL SECURITY;
