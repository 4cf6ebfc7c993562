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

ALTER TABLE learning_acts ADD COLUMN day date;
COMMENT ON COLUMN learning_acts.day IS 'On which day it was, where the student is; known once it is judged.';
GRANT UPDATE (day) ON learning_acts TO chronos_app;

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
ALTER TABLE learning_acts DROP COLUMN day;
DROP TABLE learning_days, streaks, heartbeats;
ALTER TABLE students DROP COLUMN timezone_changed_at, DROP COLUMN timezone_before, DROP COLUMN timezone;
