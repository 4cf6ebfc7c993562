-- migrate:up

CREATE TABLE chat_sessions (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  place text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  PRIMARY KEY (creator_id, id),
  UNIQUE (creator_id, student_id, id)
);
CREATE UNIQUE INDEX chat_sessions_open ON chat_sessions (creator_id, student_id, place) WHERE ended_at IS NULL;
CREATE INDEX chat_sessions_of_student ON chat_sessions (student_id);

CREATE TABLE chat_messages (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  session_id bigint NOT NULL,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  question text NOT NULL,
  answer text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('answered', 'closest', 'abstained', 'refused')),
  mode text NOT NULL CHECK (mode IN ('written', 'quoted')),
  confidence text NOT NULL CHECK (confidence IN ('high', 'medium', 'low', 'none')),
  video_references jsonb NOT NULL DEFAULT '[]',
  model text NOT NULL DEFAULT '',
  usage jsonb NOT NULL DEFAULT '{}',
  timing_ms jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, student_id, session_id)
    REFERENCES chat_sessions (creator_id, student_id, id) ON DELETE CASCADE
);
CREATE INDEX chat_messages_of_session ON chat_messages (creator_id, session_id, id);
CREATE INDEX chat_messages_of_student ON chat_messages (student_id, id);
COMMENT ON TABLE chat_messages IS 'A question with the answer it got; references are the citations as they were shown.';

CREATE TABLE votes (
  creator_id bigint NOT NULL,
  message_id bigint NOT NULL,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  helpful boolean NOT NULL,
  voted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, message_id, student_id),
  FOREIGN KEY (creator_id, message_id) REFERENCES chat_messages ON DELETE CASCADE
);
CREATE INDEX votes_of_student ON votes (student_id);

-- What was asked when and for how much, without a word of it: limits and costs are counted over students.
CREATE TABLE usage (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  community_id bigint,
  student_id bigint REFERENCES students ON DELETE SET NULL,
  model text NOT NULL DEFAULT '',
  prompt_tokens integer NOT NULL DEFAULT 0,
  completion_tokens integer NOT NULL DEFAULT 0,
  cost_usd numeric(12, 6) NOT NULL DEFAULT 0,
  used_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, community_id) REFERENCES communities (creator_id, id)
    ON DELETE SET NULL (community_id)
);
CREATE INDEX usage_by_time ON usage (creator_id, used_at);
CREATE INDEX usage_of_student ON usage (student_id);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['chat_sessions', 'chat_messages', 'votes'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY member ON %I TO chronos_app
                    USING (creator_id = current_creator() AND student_id = current_student())
                    WITH CHECK (creator_id = current_creator() AND student_id = current_student())', name);
    -- A person without a creator set: what is kept of oneself, over all creators, to read.
    EXECUTE format('CREATE POLICY person ON %I FOR SELECT TO chronos_app
                    USING (student_id = current_student() AND current_creator() IS NULL)', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO chronos_app', name);
  END LOOP;
END $$;

ALTER TABLE usage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY creator ON usage TO chronos_app
  USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator());
CREATE POLICY backup ON usage FOR SELECT TO chronos_backup USING (true);
GRANT SELECT, INSERT ON usage TO chronos_app;

-- migrate:down
DROP TABLE usage, votes, chat_messages, chat_sessions;
