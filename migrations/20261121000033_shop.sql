-- migrate:up

-- Which roles of a platform students are to have, and why: a role stays while any source wants it.
CREATE TABLE wanted_roles (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  community_id bigint NOT NULL,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  role text NOT NULL,
  source text NOT NULL,
  until timestamptz,
  status text NOT NULL DEFAULT 'asked' CHECK (status IN ('asked', 'given', 'failed')),
  failure text NOT NULL DEFAULT '',
  PRIMARY KEY (creator_id, student_id, source, community_id, role),
  FOREIGN KEY (creator_id, community_id) REFERENCES communities (creator_id, id) ON DELETE CASCADE
);
CREATE INDEX wanted_roles_of_student ON wanted_roles (student_id);
CREATE INDEX wanted_roles_until ON wanted_roles (creator_id, until) WHERE until IS NOT NULL;
COMMENT ON COLUMN wanted_roles.source IS 'Who wants it: a purchase (shop:17), a membership (tier:gold).';

-- What the process that holds the platform's connection has to make true: the newest version, as in the outbox.
CREATE TABLE role_changes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  community_id bigint NOT NULL REFERENCES communities ON DELETE CASCADE,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  role text NOT NULL,
  wanted boolean NOT NULL,
  version integer NOT NULL DEFAULT 1,
  applied_version integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  leased_until timestamptz NOT NULL DEFAULT '-infinity',
  failure text NOT NULL DEFAULT '',
  told_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (community_id, student_id, role)
);
CREATE INDEX role_changes_due ON role_changes (next_attempt_at) WHERE applied_version < version;
CREATE INDEX role_changes_of_student ON role_changes (student_id);
CREATE INDEX role_changes_of_creator ON role_changes (creator_id);
COMMENT ON COLUMN role_changes.told_at IS 'When the staff was told of this failure.';
COMMENT ON COLUMN role_changes.leased_until IS
  'While a process may be in the middle of a call nobody begins a newer one, which an older could undo.';

ALTER TABLE wanted_roles ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY creator ON wanted_roles TO chronos_app
  USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator());
CREATE POLICY person ON wanted_roles FOR SELECT TO chronos_app
  USING (student_id = current_student() AND current_creator() IS NULL);
CREATE POLICY backup ON wanted_roles FOR SELECT TO chronos_backup USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (until, status, failure) ON wanted_roles TO chronos_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON role_changes TO chronos_system;
GRANT SELECT ON wanted_roles, role_changes TO chronos_backup;
GRANT SELECT ON SEQUENCE role_changes_id_seq TO chronos_backup;

-- migrate:down
DROP TABLE role_changes, wanted_roles;
