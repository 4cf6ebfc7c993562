-- migrate:up

-- Messages that outlive a request. The process that holds the platform's connection delivers the newest version.
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  creator_id bigint REFERENCES creators ON DELETE CASCADE,
  platform text NOT NULL,
  place jsonb NOT NULL,
  content jsonb NOT NULL,
  version integer NOT NULL DEFAULT 1,
  delivered_version integer NOT NULL DEFAULT 0,
  message_id text NOT NULL DEFAULT '',
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  failure text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_due ON outbox (platform, next_attempt_at) WHERE delivered_version < version;

GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO chronos_system;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO chronos_backup;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO chronos_backup;

-- migrate:down
DROP TABLE outbox;
