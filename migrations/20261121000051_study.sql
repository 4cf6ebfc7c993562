-- migrate:up

-- How the study material of a source stands. The version moves with the words of the source, in their transaction.
CREATE TABLE study_guides (
  creator_id bigint NOT NULL,
  source_id bigint NOT NULL,
  version integer NOT NULL DEFAULT 1,
  made integer NOT NULL DEFAULT 0,
  writer text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  progress real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
  rejected integer NOT NULL DEFAULT 0,
  lost integer NOT NULL DEFAULT 0,
  own_chapters boolean,
  sort boolean NOT NULL DEFAULT false,
  due_at timestamptz DEFAULT '-infinity',
  card_id bigint,
  quiz_id bigint,
  PRIMARY KEY (creator_id, source_id),
  FOREIGN KEY (creator_id, source_id) REFERENCES sources ON DELETE CASCADE
);
CREATE INDEX study_guides_due ON study_guides (creator_id, due_at) WHERE due_at IS NOT NULL;
COMMENT ON COLUMN study_guides.made IS 'The version of which there is material; 0: none yet.';
COMMENT ON COLUMN study_guides.lost IS 'Points that the staff had changed and whose words are not said any more.';
COMMENT ON COLUMN study_guides.own_chapters IS 'Whether its chapters were found here; empty: nobody looked yet.';
COMMENT ON COLUMN study_guides.quiz_id IS 'The quiz into which its drafts go; looked up among the creator''s, and made anew where it is gone.';
COMMENT ON COLUMN study_guides.sort IS 'Only its takeaways have to be sorted, by other focus areas.';

-- Chapters, sentences of a summary, terms, takeaways, drafts of questions: each with the sentences that it rests on.
CREATE TABLE study_points (
  creator_id bigint NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  source_id bigint NOT NULL,
  kind text NOT NULL
    CHECK (kind IN ('chapter', 'summary', 'term', 'technique', 'mindset', 'phrase', 'example', 'quiz')),
  first_segment integer NOT NULL,
  last_segment integer NOT NULL CHECK (last_segment >= first_segment),
  quote text NOT NULL,
  text text NOT NULL,
  weight real NOT NULL DEFAULT 0.5,
  perspective text NOT NULL DEFAULT '',
  notes text NOT NULL DEFAULT '',
  area text NOT NULL DEFAULT '',
  options text[] NOT NULL DEFAULT '{}',
  right_option integer NOT NULL DEFAULT 0,
  writer text NOT NULL DEFAULT '',
  fingerprint bytea NOT NULL,
  stale boolean NOT NULL DEFAULT false,
  hidden boolean NOT NULL DEFAULT false,
  edited boolean NOT NULL DEFAULT false,
  used boolean NOT NULL DEFAULT false,
  former jsonb,
  removed_at timestamptz,
  PRIMARY KEY (creator_id, id),
  UNIQUE (creator_id, source_id, fingerprint),
  FOREIGN KEY (creator_id, source_id) REFERENCES study_guides ON DELETE CASCADE
);
CREATE INDEX study_points_by_kind ON study_points (creator_id, kind, source_id);
COMMENT ON COLUMN study_points.fingerprint IS 'What it is known by when the material is made again: what was deleted stays away.';
COMMENT ON COLUMN study_points.stale IS 'Of words that were replaced, and kept because the staff changed it; not shown until it is found again.';

-- What models filled in for a version that is not made yet, so that nothing is paid for twice.
CREATE TABLE study_forms (
  creator_id bigint NOT NULL,
  source_id bigint NOT NULL,
  key bytea NOT NULL,
  content jsonb NOT NULL,
  model text NOT NULL,
  PRIMARY KEY (creator_id, source_id, key),
  FOREIGN KEY (creator_id, source_id) REFERENCES study_guides ON DELETE CASCADE
);

-- The focus areas of those creators who named their own.
CREATE TABLE study_areas (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  position integer NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 40),
  about text NOT NULL DEFAULT '' CHECK (length(about) <= 500),
  PRIMARY KEY (creator_id, position)
);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['study_guides', 'study_points', 'study_forms', 'study_areas'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_app, chronos_backup', name);
  END LOOP;
END $$;
GRANT INSERT, UPDATE ON study_guides TO chronos_app;
GRANT INSERT, UPDATE, DELETE ON study_points TO chronos_app;
GRANT INSERT, DELETE ON study_forms, study_areas TO chronos_app;
GRANT SELECT ON SEQUENCE study_points_id_seq TO chronos_backup;

-- What is here already gets its material within the hour.
ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
INSERT INTO study_guides (creator_id, source_id)
  SELECT creator_id, id FROM sources WHERE status = 'ready' AND kind NOT IN ('listing', 'qa', 'note');
ALTER TABLE sources FORCE ROW LEVEL SECURITY;
ALTER TABLE study_guides FORCE ROW LEVEL SECURITY;
ALTER TABLE study_points FORCE ROW LEVEL SECURITY;
ALTER TABLE study_forms FORCE ROW LEVEL SECURITY;
ALTER TABLE study_areas FORCE ROW LEVEL SECURITY;

-- migrate:down
DROP TABLE study_areas, study_forms, study_points, study_guides;
