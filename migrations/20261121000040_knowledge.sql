-- migrate:up

-- The owner is bound by policies, too.
ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
ALTER TABLE sources
  DROP CONSTRAINT sources_kind_check,
  ADD CONSTRAINT sources_kind_check
    CHECK (kind IN ('video', 'audio', 'document', 'web_page', 'listing', 'qa', 'note'));
ALTER TABLE sources FORCE ROW LEVEL SECURITY;

-- What the staff wrote down: a question with its answer, or a note with the words that it is about. Each is a source
-- that is searched like any other; here is what is edited, and what is found by its very words.
CREATE TABLE knowledge_entries (
  creator_id bigint NOT NULL,
  source_id bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('qa', 'note')),
  question text NOT NULL CHECK (length(question) BETWEEN 1 AND 300),
  answer text NOT NULL CHECK (length(answer) BETWEEN 1 AND 3000),
  wordings text[] NOT NULL DEFAULT '{}',
  folded text[] NOT NULL,
  tags text[] NOT NULL DEFAULT '{}',
  version integer NOT NULL DEFAULT 1,
  learnt integer NOT NULL DEFAULT 0,
  former jsonb,
  author_id bigint REFERENCES students ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, source_id),
  FOREIGN KEY (creator_id, source_id) REFERENCES sources ON DELETE CASCADE
);
CREATE INDEX knowledge_unlearnt ON knowledge_entries (creator_id, source_id) WHERE learnt < version;
CREATE INDEX knowledge_of_author ON knowledge_entries (author_id);
COMMENT ON COLUMN knowledge_entries.question IS 'Of a note: the words that it is about, with commas between.';
COMMENT ON COLUMN knowledge_entries.folded IS 'The question and its other wordings, as an asked one is compared with them.';
COMMENT ON COLUMN knowledge_entries.learnt IS 'The version that is searched; 0: none yet.';
COMMENT ON COLUMN knowledge_entries.former IS 'What it said before its last change, for taking that back.';

-- Questions without who asked them: where people were left without an answer, or with a bad one.
CREATE TABLE asked (
  creator_id bigint NOT NULL,
  message_id bigint NOT NULL,
  asker bigint NOT NULL,
  question text NOT NULL,
  folded text NOT NULL,
  outcome text NOT NULL,
  unhelpful integer NOT NULL DEFAULT 0,
  shown jsonb,
  withdrawn_at timestamptz,
  asked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, message_id),
  FOREIGN KEY (creator_id, message_id) REFERENCES chat_messages ON DELETE CASCADE
);
CREATE INDEX asked_by_time ON asked (creator_id, asked_at);
CREATE INDEX asked_withdrawn ON asked (creator_id, folded) WHERE withdrawn_at IS NOT NULL;
COMMENT ON COLUMN asked.asker IS 'Tells people apart to count them, and not who they are.';
COMMENT ON COLUMN asked.shown IS 'The message in which its answer stands, where the staff may take it back.';
COMMENT ON COLUMN asked.withdrawn_at IS 'When the staff took its answer back.';

-- Questions that were put to the staff; the words belong to those who asked, and go with them.
CREATE TABLE escalations (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  question text NOT NULL DEFAULT '',
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'answered', 'dismissed')),
  draft text NOT NULL DEFAULT '',
  drafted_by bigint REFERENCES students ON DELETE SET NULL,
  entry_id bigint,
  card_ids bigint[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz,
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, entry_id) REFERENCES sources ON DELETE SET NULL (entry_id)
);
CREATE INDEX escalations_of_drafter ON escalations (drafted_by);
CREATE INDEX escalations_open ON escalations (creator_id, id) WHERE status = 'open';
COMMENT ON COLUMN escalations.question IS 'Where the staff took it up themselves; else those who asked have it.';
COMMENT ON COLUMN escalations.card_ids IS 'Its cards in the outbox.';

CREATE TABLE escalation_askers (
  creator_id bigint NOT NULL,
  escalation_id bigint NOT NULL,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  question text NOT NULL,
  embedder text NOT NULL,
  embedding halfvec NOT NULL,
  asked_at timestamptz NOT NULL DEFAULT now(),
  withdrawn_at timestamptz,
  PRIMARY KEY (creator_id, escalation_id, student_id),
  FOREIGN KEY (creator_id, escalation_id) REFERENCES escalations ON DELETE CASCADE
);
CREATE INDEX escalation_askers_of_student ON escalation_askers (student_id, asked_at);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['knowledge_entries', 'asked', 'escalations', 'escalation_askers'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_app, chronos_backup', name);
  END LOOP;
END $$;
-- A person without a creator set: what one put to the staff, over all creators, to read.
CREATE POLICY person ON escalation_askers FOR SELECT TO chronos_app
  USING (student_id = current_student() AND current_creator() IS NULL);
GRANT INSERT, UPDATE ON knowledge_entries TO chronos_app;
GRANT INSERT, DELETE, UPDATE (unhelpful, shown, withdrawn_at) ON asked TO chronos_app;
GRANT INSERT, DELETE, UPDATE (status, draft, drafted_by, entry_id, card_ids, closed_at) ON escalations TO chronos_app;
GRANT INSERT, UPDATE (question, embedder, embedding, asked_at, withdrawn_at) ON escalation_askers TO chronos_app;
GRANT SELECT ON SEQUENCE escalations_id_seq TO chronos_backup;

-- migrate:down
DROP TABLE escalation_askers, escalations, asked, knowledge_entries;
ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
DELETE FROM sources WHERE kind IN ('qa', 'note');
ALTER TABLE sources
  DROP CONSTRAINT sources_kind_check,
  ADD CONSTRAINT sources_kind_check CHECK (kind IN ('video', 'audio', 'document', 'web_page', 'listing'));
ALTER TABLE sources FORCE ROW LEVEL SECURITY;
