-- migrate:up

CREATE TABLE corpora (
  creator_id bigint PRIMARY KEY REFERENCES creators ON DELETE CASCADE,
  version bigint NOT NULL DEFAULT 0,
  embedder text NOT NULL,
  cutoff jsonb
);
COMMENT ON TABLE corpora IS 'One row a creator: the version moves with every change of what can be answered from.';
COMMENT ON COLUMN corpora.cutoff IS 'The calibrated gate and the version and embedder it was found for.';

CREATE TABLE sources (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  kind text NOT NULL DEFAULT 'video' CHECK (kind IN ('video', 'document')),
  timing text NOT NULL CHECK (timing IN ('heard', 'estimated', 'none')),
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 300),
  link text NOT NULL DEFAULT '',
  language text NOT NULL DEFAULT '',
  external_id text NOT NULL DEFAULT '',
  content_hash bytea NOT NULL,
  duration_s double precision NOT NULL DEFAULT 0,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'ready', 'failed')),
  removed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id)
);
CREATE UNIQUE INDEX sources_once ON sources (creator_id, content_hash) WHERE removed_at IS NULL;
CREATE INDEX sources_removed ON sources (removed_at) WHERE removed_at IS NOT NULL;

-- The work on a source: its transcript until it is searchable, and what became of it.
CREATE TABLE items (
  creator_id bigint NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  source_id bigint NOT NULL,
  stage text NOT NULL DEFAULT 'pending'
    CHECK (stage IN ('pending', 'chunking', 'embedding', 'validating', 'completed', 'failed')),
  progress real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
  attempts integer NOT NULL DEFAULT 0,
  reason text NOT NULL DEFAULT '',
  transcript jsonb,
  card_id bigint,
  stats jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, source_id) REFERENCES sources ON DELETE CASCADE
);
CREATE INDEX items_of_source ON items (creator_id, source_id);

CREATE TABLE segments (
  creator_id bigint NOT NULL,
  source_id bigint NOT NULL,
  position integer NOT NULL,
  paragraph integer NOT NULL DEFAULT 0,
  start_s double precision NOT NULL,
  end_s double precision NOT NULL,
  estimated boolean NOT NULL DEFAULT false,
  text text NOT NULL,
  words integer NOT NULL,
  terms bytea NOT NULL,
  PRIMARY KEY (creator_id, source_id, position),
  FOREIGN KEY (creator_id, source_id) REFERENCES sources ON DELETE CASCADE
);
COMMENT ON TABLE segments IS 'Timed sentences: what is cited.';
COMMENT ON COLUMN segments.terms IS 'Ids of the stemmed content words, little-endian int32, in order.';

CREATE TABLE passages (
  creator_id bigint NOT NULL,
  source_id bigint NOT NULL,
  position integer NOT NULL,
  first_segment integer NOT NULL,
  last_segment integer NOT NULL CHECK (last_segment >= first_segment),
  terms integer[] NOT NULL,
  PRIMARY KEY (creator_id, source_id, position),
  FOREIGN KEY (creator_id, source_id) REFERENCES sources ON DELETE CASCADE
);
COMMENT ON TABLE passages IS 'Overlapping windows of about 100 words: what is searched.';
CREATE INDEX passages_terms ON passages USING gin (terms);

-- Narrow and never toasted: reading a creator's vectors is reading these pages and nothing else.
CREATE TABLE segment_embeddings (
  creator_id bigint NOT NULL,
  embedder text NOT NULL,
  source_id bigint NOT NULL,
  position integer NOT NULL,
  embedding halfvec NOT NULL,
  PRIMARY KEY (creator_id, embedder, source_id, position),
  FOREIGN KEY (creator_id, source_id, position) REFERENCES segments ON DELETE CASCADE
);
ALTER TABLE segment_embeddings ALTER COLUMN embedding SET STORAGE PLAIN;

CREATE TABLE passage_embeddings (
  creator_id bigint NOT NULL,
  embedder text NOT NULL,
  source_id bigint NOT NULL,
  position integer NOT NULL,
  embedding halfvec NOT NULL,
  PRIMARY KEY (creator_id, embedder, source_id, position),
  FOREIGN KEY (creator_id, source_id, position) REFERENCES passages ON DELETE CASCADE
);
ALTER TABLE passage_embeddings ALTER COLUMN embedding SET STORAGE PLAIN;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['corpora', 'sources', 'items', 'segments', 'passages',
                              'segment_embeddings', 'passage_embeddings'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO chronos_app', name);
  END LOOP;
END $$;

-- migrate:down
DROP TABLE passage_embeddings, segment_embeddings, passages, segments, items, sources, corpora;
