-- migrate:up

-- How a creator is spoken for, and from which sources: by an assistant that is bound to channels and topics.
CREATE TABLE assistants (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 40),
  tone text NOT NULL DEFAULT '' CHECK (length(tone) <= 200),
  models text[] NOT NULL DEFAULT '{}',
  tutor boolean NOT NULL DEFAULT false,
  sources jsonb,
  active integer NOT NULL DEFAULT 0,
  newest integer NOT NULL DEFAULT 0,
  revision integer NOT NULL DEFAULT 1,
  former jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  removed_at timestamptz,
  PRIMARY KEY (creator_id, id)
);
CREATE UNIQUE INDEX assistants_by_name ON assistants (creator_id, lower(name)) WHERE removed_at IS NULL;
COMMENT ON COLUMN assistants.sources IS 'Which it answers from: ids, kinds, topics, tags; null: all.';
COMMENT ON COLUMN assistants.active IS 'The version of its prompt that is in use; 0: none.';
COMMENT ON COLUMN assistants.newest IS 'The last version that was written: a number is never used twice.';
COMMENT ON COLUMN assistants.revision IS 'Moves with every change, so that no answer that is kept outlives one.';
COMMENT ON COLUMN assistants.former IS 'What was said of it before the last change, for taking that back.';

CREATE TABLE prompt_versions (
  creator_id bigint NOT NULL,
  assistant_id bigint NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  text text NOT NULL CHECK (length(text) BETWEEN 1 AND 8000),
  author_id bigint REFERENCES students ON DELETE SET NULL,
  written_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, assistant_id, version),
  FOREIGN KEY (creator_id, assistant_id) REFERENCES assistants ON DELETE CASCADE
);
CREATE INDEX prompt_versions_of_author ON prompt_versions (author_id);

CREATE TABLE assistant_bindings (
  creator_id bigint NOT NULL,
  place text NOT NULL,
  assistant_id bigint NOT NULL,
  shown jsonb,
  bound_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, place),
  FOREIGN KEY (creator_id, assistant_id) REFERENCES assistants ON DELETE CASCADE
);
CREATE INDEX assistant_bindings_of ON assistant_bindings (creator_id, assistant_id);
COMMENT ON COLUMN assistant_bindings.place IS 'The key of a channel, thread or topic; empty: everywhere else.';

-- Which assistant made an answer, with which version of its prompt; of questions without who asked them, too.
ALTER TABLE chat_messages
  ADD COLUMN assistant_id bigint,
  ADD COLUMN assistant_version integer,
  ADD FOREIGN KEY (creator_id, assistant_id) REFERENCES assistants ON DELETE SET NULL (assistant_id);
CREATE INDEX chat_messages_of_assistant ON chat_messages (creator_id, assistant_id) WHERE assistant_id IS NOT NULL;
ALTER TABLE asked
  ADD COLUMN assistant_id bigint,
  ADD COLUMN assistant_version integer,
  ADD COLUMN helpful integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN asked.assistant_id IS 'Of an assistant that may be gone: these rows are for counting, and go by themselves.';
CREATE INDEX asked_of_assistant ON asked (creator_id, assistant_id, assistant_version) WHERE assistant_id IS NOT NULL;
GRANT UPDATE (assistant_id, assistant_version, helpful) ON asked TO chronos_app;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['assistants', 'prompt_versions', 'assistant_bindings'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_app, chronos_backup', name);
  END LOOP;
END $$;
GRANT INSERT, DELETE, UPDATE (name, tone, models, tutor, sources, active, newest, revision, former, removed_at)
  ON assistants TO chronos_app;
GRANT INSERT, DELETE ON prompt_versions TO chronos_app;
SELECT let_join('prompt_versions', 'author_id');
GRANT INSERT, DELETE, UPDATE (assistant_id, shown, bound_at) ON assistant_bindings TO chronos_app;
GRANT SELECT ON SEQUENCE assistants_id_seq TO chronos_backup;

-- migrate:down
ALTER TABLE asked DROP COLUMN helpful, DROP COLUMN assistant_version, DROP COLUMN assistant_id;
ALTER TABLE chat_messages DROP COLUMN assistant_version, DROP COLUMN assistant_id;
DROP TABLE assistant_bindings, prompt_versions, assistants;
