-- migrate:up

-- How a question was answered, and how much was left of the budgets then.
ALTER TABLE usage
  ADD COLUMN step text NOT NULL DEFAULT '' CHECK (step IN ('', 'large', 'small', 'quoting', 'stopped')),
  ADD COLUMN mode text NOT NULL DEFAULT '' CHECK (mode IN ('', 'written', 'kept', 'quoted', 'none'));
COMMENT ON COLUMN usage.step IS 'What could be paid for when it was asked; empty for what was no question.';
COMMENT ON COLUMN usage.mode IS 'Written by a model, given again as it was kept, quoted, or without an answer; empty until then.';
GRANT UPDATE (mode) ON usage TO chronos_app;
-- What costs money is added up over a month for each question.
CREATE INDEX usage_money ON usage (creator_id, used_at) INCLUDE (cost_usd, reserved_usd, student_id)
  WHERE cost_usd > 0 OR reserved_usd > 0;

-- Each call to a model, without a word of what was asked or said.
CREATE TABLE model_calls (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  usage_id bigint NOT NULL,
  message_id bigint,
  student_id bigint REFERENCES students ON DELETE SET NULL,
  purpose text NOT NULL,
  model text NOT NULL,
  prompt_tokens integer NOT NULL,
  completion_tokens integer NOT NULL,
  cached_tokens integer NOT NULL,
  cost_usd numeric(12, 6) NOT NULL,
  first_word_ms real NOT NULL,
  took_ms real NOT NULL,
  failure text NOT NULL DEFAULT '',
  called_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, usage_id) REFERENCES usage ON DELETE CASCADE,
  FOREIGN KEY (creator_id, message_id) REFERENCES chat_messages ON DELETE SET NULL (message_id)
);
CREATE INDEX model_calls_by_time ON model_calls (creator_id, called_at);
CREATE INDEX model_calls_of_usage ON model_calls (creator_id, usage_id);
CREATE INDEX model_calls_of_message ON model_calls (creator_id, message_id) WHERE message_id IS NOT NULL;
CREATE INDEX model_calls_of_student ON model_calls (student_id) WHERE student_id IS NOT NULL;
COMMENT ON COLUMN model_calls.model IS 'The one that really answered.';
COMMENT ON COLUMN model_calls.failure IS 'Why it was of no use; empty where it was.';
COMMENT ON COLUMN model_calls.first_word_ms IS '0 where no word came.';

-- Which step of which budget the staff was told of.
CREATE TABLE budget_news (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  period text NOT NULL CHECK (period IN ('day', 'month')),
  starts_on date NOT NULL,
  step text NOT NULL,
  told_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, period, starts_on, step)
);

-- Which models a creator prefers, and whether nothing is answered once a budget is used up.
CREATE TABLE model_choices (
  creator_id bigint PRIMARY KEY REFERENCES creators ON DELETE CASCADE,
  models text[] NOT NULL DEFAULT '{}',
  stops boolean NOT NULL DEFAULT false
);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['model_calls', 'budget_news', 'model_choices'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_app, chronos_backup', name);
    EXECUTE format('GRANT INSERT ON %I TO chronos_app', name);
  END LOOP;
END $$;
-- A person without a creator set: what was called for one's own questions, over all creators, to read.
CREATE POLICY person ON model_calls FOR SELECT TO chronos_app
  USING (student_id = current_student() AND current_creator() IS NULL);
SELECT let_join('model_calls', 'student_id');
GRANT DELETE ON model_calls, budget_news TO chronos_app;
GRANT UPDATE (models, stops) ON model_choices TO chronos_app;
GRANT SELECT ON SEQUENCE model_calls_id_seq TO chronos_backup;

-- migrate:down
DROP TABLE model_choices, budget_news, model_calls;
DROP INDEX usage_money;
ALTER TABLE usage DROP COLUMN step, DROP COLUMN mode;
