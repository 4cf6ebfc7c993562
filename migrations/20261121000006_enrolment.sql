-- migrate:up

ALTER TABLE identities ADD COLUMN username text NOT NULL DEFAULT '';
COMMENT ON COLUMN identities.username IS 'The platform''s unique name of the account, without @, as it last gave it.';

ALTER TABLE enrolments ADD COLUMN since timestamptz NOT NULL DEFAULT now();
UPDATE enrolments SET since = created_at;
COMMENT ON COLUMN enrolments.since IS 'When the status began.';

ALTER TABLE join_codes ADD COLUMN purpose text NOT NULL DEFAULT 'community'
  CHECK (purpose IN ('community', 'ownership', 'enrolment'));
UPDATE join_codes SET purpose = 'ownership' WHERE grants_ownership;
ALTER TABLE join_codes DROP COLUMN grants_ownership, ALTER COLUMN purpose DROP DEFAULT;
CREATE INDEX join_codes_of_creator ON join_codes (creator_id);
COMMENT ON COLUMN join_codes.purpose IS
  'What a code gives: a community, once; a community or its ownership, once; an enrolment, to many until it expires.';

-- Paused and ended enrolments of people who were erased since. Nothing here says who they are.
CREATE TABLE former_enrolments (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  identity_hash bytea NOT NULL,
  status text NOT NULL CHECK (status IN ('paused', 'ended')),
  PRIMARY KEY (creator_id, identity_hash)
);
CREATE INDEX former_enrolments_of_identity ON former_enrolments (identity_hash);
COMMENT ON COLUMN former_enrolments.identity_hash IS
  'HMAC of the platform and the account''s id there, under a key of the deployment.';

GRANT SELECT, INSERT, UPDATE, DELETE ON former_enrolments TO chronos_system;
GRANT SELECT ON former_enrolments TO chronos_backup;

-- migrate:down
DROP TABLE former_enrolments;
DROP INDEX join_codes_of_creator;
ALTER TABLE join_codes ADD COLUMN grants_ownership boolean NOT NULL DEFAULT false;
UPDATE join_codes SET grants_ownership = true WHERE purpose = 'ownership';
DELETE FROM join_codes WHERE purpose = 'enrolment';
ALTER TABLE join_codes DROP COLUMN purpose;
ALTER TABLE enrolments DROP COLUMN since;
ALTER TABLE identities DROP COLUMN username;
