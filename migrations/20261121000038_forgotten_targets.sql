-- migrate:up

-- What was forgotten is remembered for as long as a change waits: whoever takes an account over could else forget where
-- payouts go, and set another place that counts at once.
ALTER TABLE payout_targets ADD COLUMN forgotten_at timestamptz;
COMMENT ON COLUMN payout_targets.forgotten_at IS 'When it was forgotten: it counts no more, and the next one counts later.';
DROP INDEX payout_targets_are_unique;
CREATE UNIQUE INDEX payout_targets_are_unique ON payout_targets (kind, destination)
  WHERE usable_from IS NOT NULL AND forgotten_at IS NULL;

-- migrate:down
DELETE FROM payout_targets WHERE forgotten_at IS NOT NULL;
DROP INDEX payout_targets_are_unique;
ALTER TABLE payout_targets DROP COLUMN forgotten_at;
CREATE UNIQUE INDEX payout_targets_are_unique ON payout_targets (kind, destination) WHERE usable_from IS NOT NULL;
