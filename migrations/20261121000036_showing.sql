-- migrate:up

-- What each student earned, less what was taken back, by day and by whole month (UTC): added up at night, so that a
-- ranking over any span reads few rows. The books themselves say what came since.
CREATE TABLE earnings (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  per text NOT NULL CHECK (per IN ('day', 'month')),
  starts_on date NOT NULL,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  earned bigint NOT NULL,
  PRIMARY KEY (creator_id, per, starts_on, student_id) INCLUDE (earned)
);
CREATE INDEX earnings_of_student ON earnings (student_id);

-- What came into wallets and left them on a day, of nobody; what is issued and taken back, by rule.
CREATE TABLE movements (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  day date NOT NULL,
  flow text NOT NULL CHECK (flow IN ('issued', 'taken', 'spent', 'refunded', 'redeemed', 'returned')),
  rule text NOT NULL,
  times bigint NOT NULL,
  amount bigint NOT NULL,
  PRIMARY KEY (creator_id, day, flow, rule)
);

CREATE TABLE unranked (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  PRIMARY KEY (creator_id, student_id)
);
CREATE INDEX unranked_of_student ON unranked (student_id);
COMMENT ON TABLE unranked IS 'Students who do not want to be seen in a creator''s rankings.';

CREATE TABLE seasons (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  first_day date NOT NULL,
  last_day date NOT NULL CHECK (last_day >= first_day),
  ended_at timestamptz,
  PRIMARY KEY (creator_id, id)
);
CREATE UNIQUE INDEX seasons_one_runs ON seasons (creator_id) WHERE ended_at IS NULL;

CREATE TABLE season_standings (
  creator_id bigint NOT NULL,
  season_id bigint NOT NULL,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  earned bigint NOT NULL CHECK (earned > 0),
  PRIMARY KEY (creator_id, season_id, student_id),
  FOREIGN KEY (creator_id, season_id) REFERENCES seasons ON DELETE CASCADE
);
CREATE INDEX season_standings_of_student ON season_standings (student_id);
COMMENT ON TABLE season_standings IS 'What everybody had earned when a season ended; fixed from then on.';

CREATE FUNCTION keep_ended_season() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF old.ended_at IS NOT NULL AND new IS DISTINCT FROM old THEN
    RAISE EXCEPTION 'an ended season is fixed' USING errcode = 'CH405';
  END IF;
  RETURN new;
END $$;
CREATE TRIGGER fixed_once_ended BEFORE UPDATE ON seasons FOR EACH ROW EXECUTE FUNCTION keep_ended_season();

CREATE TABLE digests (
  creator_id bigint PRIMARY KEY REFERENCES creators ON DELETE CASCADE,
  wanted boolean NOT NULL DEFAULT true,
  told_week date
);
COMMENT ON TABLE digests IS 'Whether the staff wants a word each Monday, and the Monday of the last one; no row: yes.';

-- What the staff did, for the staff to read again. Words about a person stay where they go with the person.
CREATE TABLE audit (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT now(),
  by_id bigint REFERENCES students ON DELETE SET NULL,
  action text NOT NULL CHECK (length(action) BETWEEN 1 AND 40),
  about_id bigint REFERENCES students ON DELETE SET NULL,
  details jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (creator_id, id)
);
CREATE INDEX audit_by ON audit (by_id) WHERE by_id IS NOT NULL;
CREATE INDEX audit_about ON audit (about_id) WHERE about_id IS NOT NULL;
COMMENT ON COLUMN audit.details IS 'Plain data such as an amount and a key; never words about a person.';

ALTER TABLE usage ADD COLUMN outcome text NOT NULL DEFAULT '';
GRANT UPDATE (outcome) ON usage TO chronos_app;
COMMENT ON COLUMN usage.outcome IS 'What became of a question; empty where it is not known, or was not a question.';

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['earnings', 'movements', 'unranked', 'seasons', 'season_standings', 'digests', 'audit'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_app, chronos_backup', name);
    EXECUTE format('GRANT INSERT ON %I TO chronos_app', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['unranked', 'season_standings'] LOOP
    EXECUTE format('CREATE POLICY person ON %I FOR SELECT TO chronos_app
                    USING (student_id = current_student() AND current_creator() IS NULL)', name);
  END LOOP;
END $$;
GRANT UPDATE (earned), DELETE ON earnings TO chronos_app;
GRANT UPDATE (times, amount), DELETE ON movements TO chronos_app;
GRANT DELETE ON unranked TO chronos_app;
GRANT UPDATE (name, last_day, ended_at) ON seasons TO chronos_app;
GRANT UPDATE (wanted, told_week) ON digests TO chronos_app;
GRANT SELECT ON SEQUENCE seasons_id_seq, audit_id_seq TO chronos_backup;

-- migrate:down
ALTER TABLE usage DROP COLUMN outcome;
DROP TABLE audit, digests, season_standings, seasons, unranked, movements, earnings;
DROP FUNCTION keep_ended_season();
