-- migrate:up

-- Two roles without login: the application takes one of them for each transaction (set_config('role', ...)).
-- chronos_app sees creator-owned rows through row-level security; chronos_system sees global tables only;
-- chronos_backup reads everything and is used by nothing but `chronos backup`.
DO $$
DECLARE role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['chronos_app', 'chronos_system', 'chronos_backup'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role_name);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- another database of the same server was migrated at the same moment
    END;
    -- Being the role's maker is not enough to become it (PostgreSQL 16 and newer).
    EXECUTE format('GRANT %I TO %I', role_name, current_user);
  END LOOP;
END $$;

GRANT USAGE ON SCHEMA public TO chronos_app, chronos_system, chronos_backup;

CREATE FUNCTION current_creator() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.creator_id', true), '')::bigint;

CREATE FUNCTION current_student() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.student_id', true), '')::bigint;

CREATE TABLE deployment (
  name text PRIMARY KEY,
  value text NOT NULL
);
COMMENT ON TABLE deployment IS 'Facts of this deployment that all its processes share, such as the key that signs links.';

CREATE TABLE students (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE identities (
  platform text NOT NULL,
  external_id text NOT NULL,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  display_name text NOT NULL DEFAULT '',
  preferred_creator_id bigint,
  PRIMARY KEY (platform, external_id)
);
CREATE INDEX identities_of_student ON identities (student_id);
COMMENT ON COLUMN identities.preferred_creator_id IS 'The creator whom a person with several chose in direct messages.';

CREATE TABLE creators (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  handle text NOT NULL UNIQUE CHECK (handle ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  language text NOT NULL DEFAULT 'en',
  who_may_ask text NOT NULL DEFAULT 'everyone' CHECK (who_may_ask IN ('everyone', 'enrolled')),
  answers text NOT NULL DEFAULT 'public' CHECK (answers IN ('public', 'private')),
  owner_id bigint REFERENCES students ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE identities
  ADD FOREIGN KEY (preferred_creator_id) REFERENCES creators ON DELETE SET NULL;

CREATE TABLE communities (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  platform text NOT NULL,
  external_id text NOT NULL,
  name text NOT NULL DEFAULT '',
  staff_role text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (platform, external_id),
  UNIQUE (creator_id, id)
);
COMMENT ON COLUMN communities.staff_role IS 'The platform''s id of a role whose holders count as staff; empty: none.';

CREATE TABLE join_codes (
  code_hash bytea PRIMARY KEY,
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  grants_ownership boolean NOT NULL DEFAULT false,
  expires_at timestamptz NOT NULL
);

CREATE TABLE enrolments (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'ended')),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, student_id)
);
CREATE INDEX enrolments_of_student ON enrolments (student_id);

GRANT SELECT, INSERT ON deployment TO chronos_system;
GRANT SELECT, INSERT, DELETE ON students TO chronos_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON identities, creators, communities, join_codes TO chronos_system;
-- Which creators a person belongs to is asked before any creator is known.
GRANT SELECT, INSERT, UPDATE ON enrolments TO chronos_system;

-- migrate:down
DROP TABLE enrolments, join_codes, communities, identities, creators, students, deployment CASCADE;
DROP FUNCTION current_creator(), current_student();
