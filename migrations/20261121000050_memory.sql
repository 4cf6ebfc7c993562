-- migrate:up

-- How a person likes answers, with whomever they talk: theirs alone, like their time zone.
CREATE TABLE preferences (
  student_id bigint PRIMARY KEY REFERENCES students ON DELETE CASCADE,
  language text NOT NULL DEFAULT '' CHECK (length(language) <= 2),
  level text NOT NULL DEFAULT '' CHECK (level IN ('', 'beginner', 'some', 'advanced')),
  length text NOT NULL DEFAULT '' CHECK (length IN ('', 'short', 'detailed')),
  voice text NOT NULL DEFAULT '' CHECK (voice IN ('', 'plain', 'friendly', 'formal'))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON preferences TO chronos_system;
GRANT SELECT ON preferences TO chronos_backup;

-- What was said in a long session before its last turns, in a few words; it ends with the session.
CREATE TABLE session_summaries (
  creator_id bigint NOT NULL,
  session_id bigint NOT NULL,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  text text NOT NULL CHECK (length(text) BETWEEN 1 AND 800),
  lexical boolean NOT NULL,
  upto bigint NOT NULL,
  cited bigint[] NOT NULL DEFAULT '{}',
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, session_id),
  FOREIGN KEY (creator_id, student_id, session_id)
    REFERENCES chat_sessions (creator_id, student_id, id) ON DELETE CASCADE
);
CREATE INDEX session_summaries_of_student ON session_summaries (student_id);
COMMENT ON COLUMN session_summaries.lexical IS 'Made of the words that were asked, without a model.';
COMMENT ON COLUMN session_summaries.upto IS 'The last message that it sums up.';
COMMENT ON COLUMN session_summaries.cited IS 'The sources of these answers: it is used only where all are open to the person.';

CREATE TABLE remembered (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('fact', 'topic')),
  text text NOT NULL CHECK (length(text) BETWEEN 1 AND 200),
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  UNIQUE (creator_id, student_id, kind, text)
);
CREATE INDEX remembered_of_student ON remembered (student_id);
COMMENT ON COLUMN remembered.kind IS 'A fact that they asked to be remembered, or a question of theirs without a good answer.';

CREATE TABLE memory_choices (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  wanted boolean NOT NULL,
  PRIMARY KEY (creator_id, student_id)
);
CREATE INDEX memory_choices_of_student ON memory_choices (student_id);
COMMENT ON TABLE memory_choices IS 'Whether somebody wants to be remembered here; no row: what the creator chose.';

CREATE TABLE memory_defaults (
  creator_id bigint PRIMARY KEY REFERENCES creators ON DELETE CASCADE,
  wanted boolean NOT NULL
);
COMMENT ON TABLE memory_defaults IS 'Whether people are remembered who did not choose themselves; no row: yes.';

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['session_summaries', 'remembered', 'memory_choices', 'memory_defaults'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_app, chronos_backup', name);
    EXECUTE format('GRANT INSERT ON %I TO chronos_app', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['session_summaries', 'remembered', 'memory_choices'] LOOP
    EXECUTE format('CREATE POLICY member ON %I TO chronos_app
                    USING (creator_id = current_creator() AND student_id = current_student())
                    WITH CHECK (creator_id = current_creator() AND student_id = current_student())', name);
    EXECUTE format('CREATE POLICY person ON %I FOR SELECT TO chronos_app
                    USING (student_id = current_student() AND current_creator() IS NULL)', name);
    PERFORM let_join(name::regclass, 'student_id');
  END LOOP;
END $$;
CREATE POLICY creator ON memory_defaults TO chronos_app
  USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator());
GRANT UPDATE, DELETE ON session_summaries, remembered, memory_choices TO chronos_app;
GRANT UPDATE (wanted) ON memory_defaults TO chronos_app;
GRANT SELECT ON SEQUENCE remembered_id_seq TO chronos_backup;

-- Where in a community it was asked, and which moments the answer cited: still without who asked.
ALTER TABLE asked ADD COLUMN asked_in jsonb, ADD COLUMN cited jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN asked.asked_in IS 'The place and the message, where others read along; never a private chat.';
COMMENT ON COLUMN asked.cited IS 'Sources with seconds, as the answer cited them.';

-- migrate:down
ALTER TABLE asked DROP COLUMN asked_in, DROP COLUMN cited;
DROP TABLE memory_defaults, memory_choices, remembered, session_summaries, preferences;
