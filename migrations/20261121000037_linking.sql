-- migrate:up

-- Who an enrolment is from. What the staff gave is theirs alone to change; what is paid for elsewhere follows that.
ALTER TABLE enrolments
  ADD COLUMN source text NOT NULL DEFAULT 'asked' CHECK (source IN ('asked', 'invite', 'staff', 'whop')),
  ADD COLUMN invited_tier text,
  ADD COLUMN grace_until timestamptz,
  ADD COLUMN return_link text NOT NULL DEFAULT '';
UPDATE enrolments SET source = 'staff' WHERE status <> 'active' OR tier <> '';
COMMENT ON COLUMN enrolments.invited_tier IS 'What an invite code gave (empty: no tier), to fall back to; empty: none was used.';
COMMENT ON COLUMN enrolments.grace_until IS 'Until when it stays active although a payment failed.';
COMMENT ON COLUMN enrolments.return_link IS 'Where the student sees to what is paid for.';
CREATE INDEX enrolments_in_grace ON enrolments (grace_until) WHERE grace_until IS NOT NULL;

-- How each enrolment came to be what it is, and by whom where that was a person.
CREATE TABLE enrolment_changes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  changed_at timestamptz NOT NULL DEFAULT now(),
  changed_by bigint REFERENCES students ON DELETE SET NULL,
  source text NOT NULL,
  status text NOT NULL,
  tier text NOT NULL
);
CREATE INDEX enrolment_changes_of_student ON enrolment_changes (student_id, creator_id, id);
CREATE INDEX enrolment_changes_by_whom ON enrolment_changes (changed_by) WHERE changed_by IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON enrolment_changes TO chronos_system;
GRANT SELECT ON enrolment_changes TO chronos_backup;
GRANT SELECT ON SEQUENCE enrolment_changes_id_seq TO chronos_backup;

CREATE FUNCTION note_enrolment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF tg_op = 'UPDATE' AND (new.status, new.tier, new.source) = (old.status, old.tier, old.source) THEN
    RETURN NULL;
  END IF;
  INSERT INTO enrolment_changes (creator_id, student_id, changed_by, source, status, tier)
  VALUES (new.creator_id, new.student_id, nullif(current_setting('app.actor', true), '')::bigint, new.source,
          new.status, new.tier);
  RETURN NULL;
END $$;
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON enrolments FOR EACH ROW EXECUTE FUNCTION note_enrolment();

-- What a seller says of memberships, also of people who have no account here yet.
CREATE TABLE whop_memberships (
  id text PRIMARY KEY,
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  product_id text NOT NULL,
  tier text NOT NULL,
  user_id text NOT NULL DEFAULT '',
  discord_id text NOT NULL DEFAULT '',
  status text NOT NULL,
  past_due_since timestamptz,
  link text NOT NULL DEFAULT '',
  stated_at timestamptz NOT NULL
);
CREATE INDEX whop_memberships_of_creator ON whop_memberships (creator_id);
CREATE INDEX whop_memberships_of_user ON whop_memberships (user_id) WHERE user_id <> '';
CREATE INDEX whop_memberships_of_discord ON whop_memberships (discord_id) WHERE discord_id <> '';
COMMENT ON COLUMN whop_memberships.user_id IS 'The seller''s id of its owner; empty while nobody claimed it.';
COMMENT ON COLUMN whop_memberships.discord_id IS 'Of its owner, where the seller said so.';
GRANT SELECT, INSERT, UPDATE, DELETE ON whop_memberships TO chronos_system;
GRANT SELECT ON whop_memberships TO chronos_backup;

-- Which role of a server the members of a tier have; an empty tier: everybody who is enrolled.
CREATE TABLE tier_roles (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  community_id bigint NOT NULL,
  tier text NOT NULL,
  role text NOT NULL,
  PRIMARY KEY (creator_id, community_id, tier),
  FOREIGN KEY (creator_id, community_id) REFERENCES communities (creator_id, id) ON DELETE CASCADE
);
GRANT SELECT, INSERT, UPDATE, DELETE ON tier_roles TO chronos_system;
GRANT SELECT ON tier_roles TO chronos_backup;

-- Several accounts of one person. A code or a secret is kept as its hash.
ALTER TABLE identities ADD COLUMN linked_at timestamptz, ADD COLUMN unlinked_at timestamptz;
COMMENT ON COLUMN identities.linked_at IS 'When it was joined to its student; empty for the account that they began with.';
COMMENT ON COLUMN identities.unlinked_at IS 'When it was last taken apart from another student.';

CREATE TABLE link_requests (
  secret_hash bytea PRIMARY KEY,
  purpose text NOT NULL CHECK (purpose IN ('code', 'visit')),
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  creator_id bigint REFERENCES creators ON DELETE SET NULL,
  platform text NOT NULL,
  external_id text NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX link_requests_of_student ON link_requests (student_id);
CREATE TABLE link_attempts (
  student_id bigint PRIMARY KEY REFERENCES students ON DELETE CASCADE,
  since timestamptz NOT NULL,
  wrong integer NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON link_requests, link_attempts TO chronos_system;
GRANT SELECT ON link_requests, link_attempts TO chronos_backup;

-- Joining two students moves the rows of the one to the other, in the scope of that other and of a creator. Tables that
-- come later do the same for theirs: test_linking.py holds every table with a student to it.
CREATE FUNCTION joining_student() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.joining', true), '')::bigint;

CREATE FUNCTION let_join(p_table regclass, p_column text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT UPDATE (%I) ON %s TO chronos_app', p_column, p_table);
  EXECUTE format('CREATE POLICY joining_%s ON %s TO chronos_app
                  USING (creator_id = current_creator() AND %I = joining_student())
                  WITH CHECK (creator_id = current_creator() AND %I = current_student())',
                 p_column, p_table, p_column, p_column);
END $$;
REVOKE EXECUTE ON FUNCTION let_join FROM public;

DO $$
DECLARE owned record;
BEGIN
  FOR owned IN
    SELECT k.conrelid::regclass AS name, a.attname AS field
      FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.conrelid AND c.relrowsecurity
      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
     WHERE k.contype = 'f' AND k.confrelid = 'students'::regclass
       AND c.relname NOT IN ('accounts', 'transfers', 'entries', 'transfer_notes', 'earn_counts')
  LOOP
    PERFORM let_join(owned.name, owned.field);
  END LOOP;
END $$;

-- migrate:down
DO $$
DECLARE joined record;
BEGIN
  FOR joined IN SELECT polname AS name, polrelid::regclass AS owner FROM pg_policy WHERE polname LIKE 'joining\_%' LOOP
    EXECUTE format('DROP POLICY %I ON %s', joined.name, joined.owner);
    EXECUTE format('REVOKE UPDATE (%I) ON %s FROM chronos_app', substr(joined.name, length('joining_') + 1), joined.owner);
  END LOOP;
END $$;
DROP FUNCTION let_join, joining_student;
DROP TABLE tier_roles, link_attempts, link_requests;
ALTER TABLE identities DROP COLUMN linked_at, DROP COLUMN unlinked_at;
DROP TABLE whop_memberships;
DROP TRIGGER noted ON enrolments;
DROP FUNCTION note_enrolment();
DROP TABLE enrolment_changes;
DROP INDEX enrolments_in_grace;
ALTER TABLE enrolments DROP COLUMN source, DROP COLUMN invited_tier, DROP COLUMN grace_until, DROP COLUMN return_link;
