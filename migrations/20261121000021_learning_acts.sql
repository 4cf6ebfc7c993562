-- migrate:up

-- What students did that may earn CHRONOS: recorded with the thing done, judged later by a worker. No words are kept.
CREATE TABLE learning_acts (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  rule text NOT NULL,
  key text NOT NULL,
  done_at timestamptz NOT NULL DEFAULT now(),
  words integer,
  characters integer,
  fingerprint bigint,
  evidence jsonb NOT NULL DEFAULT '{}',
  verdict text,
  PRIMARY KEY (creator_id, id),
  UNIQUE (creator_id, key)
);
CREATE INDEX learning_acts_unjudged ON learning_acts (creator_id, id) WHERE verdict IS NULL;
CREATE INDEX learning_acts_of_student ON learning_acts (student_id, creator_id, rule, done_at DESC);
COMMENT ON COLUMN learning_acts.fingerprint IS 'By which near-equal texts are known; the text cannot be had from it.';
COMMENT ON COLUMN learning_acts.verdict IS 'Empty until it is judged; then awarded, or why not.';

ALTER TABLE learning_acts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY creator ON learning_acts TO chronos_app
  USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator());
CREATE POLICY person ON learning_acts FOR SELECT TO chronos_app
  USING (student_id = current_student() AND current_creator() IS NULL);
CREATE POLICY backup ON learning_acts FOR SELECT TO chronos_backup USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (verdict) ON learning_acts TO chronos_app;
GRANT SELECT ON learning_acts TO chronos_backup;
GRANT SELECT ON SEQUENCE learning_acts_id_seq TO chronos_backup;

-- migrate:down
DROP TABLE learning_acts;
