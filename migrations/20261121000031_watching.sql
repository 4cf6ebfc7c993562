-- migrate:up

-- How far a student watched a recording: one row, changed by every heartbeat of their own page.
CREATE TABLE watched (
  creator_id bigint NOT NULL,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  source_id bigint NOT NULL,
  opened_at timestamptz NOT NULL,
  covered double precision[] NOT NULL DEFAULT '{}' CHECK (cardinality(covered) % 2 = 0),
  wall_s double precision NOT NULL DEFAULT 0 CHECK (wall_s >= 0),
  beats integer NOT NULL DEFAULT 0,
  position_s double precision NOT NULL DEFAULT 0,
  session text NOT NULL DEFAULT '',
  turn integer NOT NULL DEFAULT 0,
  beat_at timestamptz NOT NULL,
  done_at timestamptz,
  PRIMARY KEY (creator_id, student_id, source_id),
  FOREIGN KEY (creator_id, source_id) REFERENCES sources ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX watched_of_student ON watched (student_id);
CREATE INDEX watched_of_source ON watched (creator_id, source_id);
COMMENT ON COLUMN watched.opened_at IS 'When the student first got the way to it.';
COMMENT ON COLUMN watched.covered IS 'What has played, as seconds in pairs of start and end, in order and apart.';
COMMENT ON COLUMN watched.session IS 'The page that counts now, and which of its heartbeats comes next (turn).';
COMMENT ON COLUMN watched.done_at IS 'When it was watched to the end, or the questions about it were answered.';

-- Questions about a recording that only plays elsewhere; options and which is right never leave the server together.
CREATE TABLE watch_checks (
  creator_id bigint NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  source_id bigint NOT NULL,
  made_at timestamptz NOT NULL,
  questions jsonb NOT NULL,
  answers integer[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, student_id, source_id) REFERENCES watched ON DELETE CASCADE
);
CREATE INDEX watch_checks_of_watched ON watch_checks (creator_id, student_id, source_id, made_at);
CREATE INDEX watch_checks_of_student ON watch_checks (student_id);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['watched', 'watch_checks'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY member ON %I TO chronos_app
                    USING (creator_id = current_creator() AND student_id = current_student())
                    WITH CHECK (creator_id = current_creator() AND student_id = current_student())', name);
    EXECUTE format('CREATE POLICY person ON %I FOR SELECT TO chronos_app
                    USING (student_id = current_student() AND current_creator() IS NULL)', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO chronos_app', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_backup', name);
  END LOOP;
END $$;
GRANT SELECT ON SEQUENCE watch_checks_id_seq TO chronos_backup;

-- migrate:down
DROP TABLE watch_checks, watched;
