-- migrate:up

-- A library on its way to another embedder: its vectors are made beside those that it is searched with.
CREATE TABLE reindexings (
  creator_id bigint PRIMARY KEY REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  embedder text NOT NULL,
  name text NOT NULL,
  stage text NOT NULL DEFAULT 'moving' CHECK (stage IN ('moving', 'clearing')),
  turn integer NOT NULL DEFAULT 1,
  done integer NOT NULL DEFAULT 0,
  total integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  reason text NOT NULL DEFAULT '',
  last_error text NOT NULL DEFAULT '',
  card_id bigint,
  started_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN reindexings.name IS 'What people call the embedder.';
COMMENT ON COLUMN reindexings.stage IS
  'Moving until the library is searched with it or it was cancelled; then vectors that nobody searches are cleared.';
COMMENT ON COLUMN reindexings.turn IS 'The turn that is due: a job of another one does nothing.';
COMMENT ON COLUMN reindexings.done IS 'Sources that have all their vectors, of total.';

ALTER TABLE reindexings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY creator ON reindexings TO chronos_app
  USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator());
CREATE POLICY backup ON reindexings FOR SELECT TO chronos_backup USING (true);
GRANT SELECT, INSERT, DELETE ON reindexings TO chronos_app;
GRANT UPDATE (stage, turn, done, total, failures, reason, last_error, card_id) ON reindexings TO chronos_app;
GRANT SELECT ON reindexings TO chronos_backup;
GRANT SELECT ON SEQUENCE reindexings_id_seq TO chronos_backup;

-- migrate:down
-- Vectors of an embedder that a library is not searched with are of no use any more.
ALTER TABLE corpora NO FORCE ROW LEVEL SECURITY;
ALTER TABLE segment_embeddings NO FORCE ROW LEVEL SECURITY;
ALTER TABLE passage_embeddings NO FORCE ROW LEVEL SECURITY;
DELETE FROM segment_embeddings e USING corpora c WHERE c.creator_id = e.creator_id AND c.embedder <> e.embedder;
DELETE FROM passage_embeddings e USING corpora c WHERE c.creator_id = e.creator_id AND c.embedder <> e.embedder;
ALTER TABLE corpora FORCE ROW LEVEL SECURITY;
ALTER TABLE segment_embeddings FORCE ROW LEVEL SECURITY;
ALTER TABLE passage_embeddings FORCE ROW LEVEL SECURITY;
DROP TABLE reindexings;
