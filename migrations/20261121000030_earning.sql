-- migrate:up

-- Streaks: days of learning in a row with a creator, in the student's own time zone.
ALTER TABLE students
  ADD COLUMN timezone text NOT NULL DEFAULT '',
  ADD COLUMN timezone_before text NOT NULL DEFAULT '',
  ADD COLUMN timezone_changed_at timestamptz;
COMMENT ON COLUMN students.timezone IS 'An IANA name; empty: UTC, and none was chosen yet.';
COMMENT ON COLUMN students.timezone_before IS 'What it was until timezone_changed_at: earlier acts fall on its days.';
GRANT UPDATE (timezone, timezone_before, timezone_changed_at) ON students TO chronos_system;

-- When the bot could be asked, a row each quarter of an hour: days on which it could not break no streak.
CREATE TABLE heartbeats (
  slot timestamptz PRIMARY KEY
);
GRANT SELECT, INSERT, DELETE ON heartbeats TO chronos_system;
GRANT SELECT ON heartbeats TO chronos_backup;

CREATE TABLE streaks (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  settled_on date NOT NULL,
  due_at timestamptz,
  days integer NOT NULL DEFAULT 0 CHECK (days >= 0),
  best integer NOT NULL DEFAULT 0 CHECK (best >= days),
  began date,
  freezes smallint NOT NULL DEFAULT 0 CHECK (freezes BETWEEN 0 AND 1),
  PRIMARY KEY (creator_id, student_id)
);
CREATE INDEX streaks_due ON streaks (creator_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX streaks_of_student ON streaks (student_id);
COMMENT ON COLUMN streaks.settled_on IS 'The last day of which it is settled what it did to the streak.';
COMMENT ON COLUMN streaks.due_at IS 'When the day after it ends; empty where no streak runs.';
COMMENT ON COLUMN streaks.days IS 'Days of learning in a row, through settled_on; frozen and forgiven days are passed over.';
COMMENT ON COLUMN streaks.began IS 'The first of the seven days that are under way; empty where none is.';

CREATE TABLE learning_days (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  day date NOT NULL,
  kind text NOT NULL CHECK (kind IN ('learnt', 'frozen', 'forgiven')),
  PRIMARY KEY (creator_id, student_id, day)
);
CREATE INDEX learning_days_of_student ON learning_days (student_id);

ALTER TABLE creators ADD COLUMN contributions boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN creators.contributions IS 'Whether what members write among themselves may earn, where the platform shows it to the bot.';

ALTER TABLE learning_acts
  ADD COLUMN day date,
  ADD COLUMN given_by bigint REFERENCES students ON DELETE SET NULL;
CREATE INDEX learning_acts_given ON learning_acts (given_by, creator_id, day) WHERE given_by IS NOT NULL;
COMMENT ON COLUMN learning_acts.given_by IS 'Who gave a reaction; how many of a person''s are paid a day is limited.';
COMMENT ON COLUMN learning_acts.day IS 'On which day it was, where the student is; known once it is judged.';
GRANT UPDATE (day) ON learning_acts TO chronos_app;

-- What a creator pays instead of the deployment's defaults: a line for each change, the newest counts.
CREATE TABLE reward_changes (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  rule text NOT NULL,
  amount integer CHECK (amount >= 0),
  most_a_day integer CHECK (most_a_day >= 0),
  changed_by bigint REFERENCES students ON DELETE SET NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id)
);
CREATE INDEX reward_changes_of_rule ON reward_changes (creator_id, rule, id DESC);
COMMENT ON COLUMN reward_changes.amount IS 'Empty: the default.';

-- How much a creator may issue, where the operator set it; no row or an empty column: the default.
CREATE TABLE issuance_limits (
  creator_id bigint PRIMARY KEY REFERENCES creators ON DELETE CASCADE,
  per_day bigint CHECK (per_day >= 0),
  per_month bigint CHECK (per_month >= 0)
);

-- Accounts at which the staff should look, once for each account and reason. Nothing follows by itself.
CREATE TABLE flags (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  reason text NOT NULL CHECK (reason IN ('new', 'fast', 'together')),
  other_id bigint REFERENCES students ON DELETE CASCADE,
  flagged_at timestamptz NOT NULL DEFAULT now(),
  cleared_at timestamptz,
  cleared_by bigint REFERENCES students ON DELETE SET NULL,
  PRIMARY KEY (creator_id, id),
  UNIQUE NULLS NOT DISTINCT (creator_id, student_id, reason, other_id)
);
CREATE INDEX flags_of_student ON flags (student_id);
CREATE INDEX flags_of_other ON flags (other_id) WHERE other_id IS NOT NULL;
CREATE INDEX learning_acts_about ON learning_acts (creator_id, (evidence ->> 'message'))
  WHERE evidence ->> 'message' IS NOT NULL;
CREATE INDEX learning_acts_by_time ON learning_acts (creator_id, done_at);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['reward_changes', 'issuance_limits', 'flags'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_app, chronos_backup', name);
  END LOOP;
  CREATE POLICY person ON flags FOR SELECT TO chronos_app
    USING (student_id = current_student() AND current_creator() IS NULL);
END $$;
GRANT INSERT (creator_id, rule, amount, most_a_day, changed_by) ON reward_changes TO chronos_app;
GRANT INSERT, UPDATE (per_day, per_month) ON issuance_limits TO chronos_app;
GRANT INSERT (creator_id, student_id, reason, other_id), UPDATE (cleared_at, cleared_by) ON flags TO chronos_app;
GRANT SELECT ON SEQUENCE reward_changes_id_seq, flags_id_seq TO chronos_backup;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['streaks', 'learning_days'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY person ON %I FOR SELECT TO chronos_app
                    USING (student_id = current_student() AND current_creator() IS NULL)', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO chronos_app', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_backup', name);
  END LOOP;
END $$;
REVOKE DELETE ON streaks FROM chronos_app;
REVOKE UPDATE ON learning_days FROM chronos_app;

-- migrate:down
ALTER TABLE learning_acts DROP COLUMN day, DROP COLUMN given_by;
ALTER TABLE creators DROP COLUMN contributions;
DROP INDEX learning_acts_by_time, learning_acts_about;
DROP TABLE flags, issuance_limits, reward_changes, learning_days, streaks, heartbeats;
ALTER TABLE students DROP COLUMN timezone_changed_at, DROP COLUMN timezone_before, DROP COLUMN timezone;
