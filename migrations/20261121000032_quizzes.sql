-- migrate:up

CREATE TABLE quizzes (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 100),
  state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'open', 'closed')),
  version integer NOT NULL DEFAULT 1 CHECK (version > 0),
  source_id bigint,
  tier text NOT NULL DEFAULT '',
  origin text NOT NULL CHECK (length(origin) BETWEEN 1 AND 40),
  created_at timestamptz NOT NULL DEFAULT now(),
  changed_at timestamptz NOT NULL DEFAULT now(),
  removed_at timestamptz,
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, source_id) REFERENCES sources ON DELETE SET NULL (source_id)
);
CREATE INDEX quizzes_of_source ON quizzes (creator_id, source_id);
COMMENT ON COLUMN quizzes.origin IS 'Who wrote it: the staff, or what it was made from.';
COMMENT ON COLUMN quizzes.tier IS 'Of its source when it was last changed; holds once the source is gone.';

-- Questions are never changed: others make a new version, and every attempt belongs to one.
CREATE TABLE quiz_versions (
  creator_id bigint NOT NULL,
  quiz_id bigint NOT NULL,
  version integer NOT NULL,
  questions jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, quiz_id, version),
  FOREIGN KEY (creator_id, quiz_id) REFERENCES quizzes ON DELETE CASCADE
);

-- What was chosen, and no words of a student's: it is counted over students.
CREATE TABLE quiz_attempts (
  creator_id bigint NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  quiz_id bigint NOT NULL,
  version integer NOT NULL,
  preview boolean NOT NULL DEFAULT false,
  arrangement jsonb NOT NULL,
  answers jsonb NOT NULL DEFAULT '{}',
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  correct integer CHECK (correct >= 0),
  passed boolean NOT NULL DEFAULT false,
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, quiz_id, version) REFERENCES quiz_versions ON DELETE CASCADE
);
CREATE INDEX quiz_attempts_of_quiz ON quiz_attempts (creator_id, quiz_id, version);
CREATE INDEX quiz_attempts_of_student ON quiz_attempts (student_id, creator_id, quiz_id, started_at);
CREATE UNIQUE INDEX quiz_attempts_open ON quiz_attempts (creator_id, student_id, quiz_id, preview)
  WHERE finished_at IS NULL;
COMMENT ON COLUMN quiz_attempts.arrangement IS 'The questions in the order shown, each with the order of its options.';
COMMENT ON COLUMN quiz_attempts.correct IS 'Right answers, once it is complete; empty where it was given up for a new version.';

CREATE TABLE projects (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 100),
  description text NOT NULL DEFAULT '' CHECK (length(description) <= 1000),
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id)
);
CREATE UNIQUE INDEX projects_by_title ON projects (creator_id, lower(title));

-- What students hand in for the staff to look at: of a project of the creator's, or under a title of their own.
CREATE TABLE submissions (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  project_id bigint,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 100),
  words text NOT NULL DEFAULT '' CHECK (length(words) <= 2000),
  link text NOT NULL DEFAULT '' CHECK (length(link) <= 2000),
  file_key text NOT NULL DEFAULT '',
  file_name text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'returned', 'approved')),
  reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
  revision integer NOT NULL DEFAULT 1,
  taken_back integer NOT NULL DEFAULT 0,
  reviewer_id bigint REFERENCES students ON DELETE SET NULL,
  submitted_at timestamptz NOT NULL,
  reviewed_at timestamptz,
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, project_id) REFERENCES projects
);
CREATE UNIQUE INDEX submissions_of_project ON submissions (creator_id, student_id, project_id)
  WHERE project_id IS NOT NULL;
CREATE UNIQUE INDEX submissions_by_title ON submissions (creator_id, student_id, lower(title))
  WHERE project_id IS NULL;
CREATE INDEX submissions_of_student ON submissions (student_id, submitted_at);
CREATE INDEX submissions_waiting ON submissions (creator_id, submitted_at, id) WHERE state = 'waiting';
CREATE INDEX submissions_of_file ON submissions (creator_id, file_key) WHERE file_key <> '';
CREATE INDEX submissions_of_reviewer ON submissions (reviewer_id) WHERE reviewer_id IS NOT NULL;
COMMENT ON COLUMN submissions.revision IS 'Counts what was handed in and what was decided, so that a decision meets what was looked at.';
COMMENT ON COLUMN submissions.taken_back IS 'How many approvals were taken back; part of the key under which the next one pays.';

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['quizzes', 'quiz_versions', 'quiz_attempts', 'projects', 'submissions'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_app, chronos_backup', name);
    EXECUTE format('GRANT INSERT ON %I TO chronos_app', name);
  END LOOP;
  -- A person without a creator set: what is kept of oneself, over all creators, to read.
  FOREACH name IN ARRAY ARRAY['quiz_attempts', 'submissions'] LOOP
    EXECUTE format('CREATE POLICY person ON %I FOR SELECT TO chronos_app
                    USING (student_id = current_student() AND current_creator() IS NULL)', name);
  END LOOP;
END $$;
GRANT UPDATE (title, state, version, source_id, tier, changed_at, removed_at), DELETE ON quizzes TO chronos_app;
GRANT UPDATE (answers, finished_at, correct, passed), DELETE ON quiz_attempts TO chronos_app;
GRANT UPDATE (title, description, state) ON projects TO chronos_app;
GRANT UPDATE (project_id, title, words, link, file_key, file_name, state, reason, revision, taken_back, reviewer_id,
              submitted_at, reviewed_at) ON submissions TO chronos_app;
GRANT SELECT ON SEQUENCE quizzes_id_seq, quiz_attempts_id_seq, projects_id_seq, submissions_id_seq TO chronos_backup;

-- migrate:down
DROP TABLE submissions, projects, quiz_attempts, quiz_versions, quizzes;
