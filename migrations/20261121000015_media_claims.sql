-- migrate:up

CREATE TABLE media_claims (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  media_key text NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, media_key)
);
COMMENT ON TABLE media_claims IS 'Files that a source will refer to soon, so that nobody deletes them before it does.';
ALTER TABLE media_claims ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY creator ON media_claims TO chronos_app
  USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator());
CREATE POLICY backup ON media_claims FOR SELECT TO chronos_backup USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON media_claims TO chronos_app;
GRANT SELECT ON media_claims TO chronos_backup;

-- migrate:down
DROP TABLE media_claims;
