-- migrate:up

-- What other services tell us, before anything is done with it. Kept for a month.
CREATE TABLE inbound_webhooks (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  provider text NOT NULL,
  delivery_id text NOT NULL CHECK (length(delivery_id) BETWEEN 1 AND 200),
  headers jsonb NOT NULL DEFAULT '{}',
  body bytea NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  verified_at timestamptz,
  processed_at timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  failure text NOT NULL DEFAULT '',
  UNIQUE (provider, delivery_id)
);
CREATE INDEX inbound_webhooks_waiting ON inbound_webhooks (received_at) WHERE processed_at IS NULL;
COMMENT ON COLUMN inbound_webhooks.body IS 'As it came, to the byte: the signature was over this.';
GRANT SELECT, INSERT, UPDATE, DELETE ON inbound_webhooks TO chronos_system;
GRANT SELECT ON inbound_webhooks TO chronos_backup;
GRANT SELECT ON SEQUENCE inbound_webhooks_id_seq TO chronos_backup;

-- migrate:down
DROP TABLE inbound_webhooks;
