-- migrate:up

-- The newest slot of each of the clock's jobs, so that a slot is enqueued once however many clocks tick.
CREATE TABLE ticks (
  job text PRIMARY KEY,
  slot timestamptz NOT NULL
);

-- Communities that were greeted, set up or not; a Discord server may appear many times, a Telegram group may move.
CREATE TABLE greetings (
  platform text NOT NULL,
  external_id text NOT NULL,
  greeted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (platform, external_id)
);

GRANT SELECT, INSERT, UPDATE ON ticks TO chronos_system;
GRANT SELECT, INSERT ON greetings TO chronos_system;
GRANT SELECT ON ticks, greetings TO chronos_backup;

COMMENT ON COLUMN outbox.message_id IS
  'What the platform calls the message, all of its parts where it was too long for one; empty until it was sent.';

-- migrate:down
DROP TABLE ticks, greetings;
COMMENT ON COLUMN outbox.message_id IS NULL;
