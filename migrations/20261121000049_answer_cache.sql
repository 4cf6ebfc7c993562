-- migrate:up

-- What models were paid for, to be given again; words and places only, links are made from the rows that it cites.
CREATE TABLE answer_cache (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  setting bytea NOT NULL CHECK (length(setting) = 32),
  question_key bytea NOT NULL CHECK (length(question_key) = 32),
  question text NOT NULL,
  wordings bytea[] NOT NULL DEFAULT '{}',
  corpus_version bigint NOT NULL,
  answer jsonb NOT NULL,
  cites bigint[] NOT NULL,
  message_id bigint,
  kept_at timestamptz NOT NULL,
  used_at timestamptz NOT NULL,
  embedding halfvec NOT NULL,
  PRIMARY KEY (creator_id, id),
  UNIQUE (creator_id, setting, question_key),
  FOREIGN KEY (creator_id, message_id) REFERENCES asked ON DELETE CASCADE
);
ALTER TABLE answer_cache ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE INDEX answer_cache_cites ON answer_cache USING gin (cites);
CREATE INDEX answer_cache_wordings ON answer_cache USING gin (wordings);
CREATE INDEX answer_cache_used ON answer_cache (creator_id, used_at);
CREATE INDEX answer_cache_of_message ON answer_cache (creator_id, message_id);
COMMENT ON COLUMN answer_cache.setting IS 'A hash of all that an answer depends on beside question and material.';
COMMENT ON COLUMN answer_cache.wordings IS 'Hashes of other questions that it was given for.';
COMMENT ON COLUMN answer_cache.message_id IS 'The words of the question are those of who asked, and go with them.';

CREATE TABLE answer_cache_counts (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  day date NOT NULL,
  looked text NOT NULL,
  times bigint NOT NULL DEFAULT 1,
  PRIMARY KEY (creator_id, day, looked)
);

-- In the transaction of whatever changes a source: nothing that cites it is given again.
CREATE FUNCTION forget_answers_from() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.removed_at, OLD.status, OLD.title, OLD.link, OLD.tier, OLD.content_hash, OLD.duration_s, OLD.corrected_at)
     IS DISTINCT FROM
     (NEW.removed_at, NEW.status, NEW.title, NEW.link, NEW.tier, NEW.content_hash, NEW.duration_s, NEW.corrected_at)
  THEN
    DELETE FROM answer_cache WHERE creator_id = NEW.creator_id AND cites @> ARRAY[NEW.id];
  END IF;
  RETURN NULL;
END $$;
-- Without a list of columns: a column that the list names could not be taken back by the step that made it.
CREATE TRIGGER forgets_answers AFTER UPDATE ON sources FOR EACH ROW EXECUTE FUNCTION forget_answers_from();

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['answer_cache', 'answer_cache_counts'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_app, chronos_backup', name);
  END LOOP;
END $$;
GRANT INSERT, DELETE ON answer_cache TO chronos_app;
GRANT UPDATE (question, wordings, corpus_version, answer, cites, message_id, kept_at, used_at, embedding)
  ON answer_cache TO chronos_app;
GRANT INSERT, DELETE, UPDATE (times) ON answer_cache_counts TO chronos_app;
GRANT SELECT ON SEQUENCE answer_cache_id_seq TO chronos_backup;

-- migrate:down
DROP TRIGGER forgets_answers ON sources;
DROP FUNCTION forget_answers_from();
DROP TABLE answer_cache_counts, answer_cache;
