-- migrate:up

ALTER TABLE enrolments ADD COLUMN tier text NOT NULL DEFAULT '';
COMMENT ON COLUMN enrolments.tier IS 'What its member may be answered from beside what is for everybody; see sources.tier.';

ALTER TABLE join_codes ADD COLUMN tier text NOT NULL DEFAULT '';
COMMENT ON COLUMN join_codes.tier IS 'Of a code that enrols: the tier that it gives.';

-- Tiers are compared as they are stored; until now they were kept as they were typed.
ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
UPDATE sources SET tier = lower(trim(regexp_replace(tier, '\s+', ' ', 'g'))) WHERE tier <> '';
ALTER TABLE sources FORCE ROW LEVEL SECURITY;
CREATE INDEX sources_of_tiers ON sources (creator_id, tier) WHERE tier <> '';
COMMENT ON COLUMN sources.tier IS 'Whose members may be answered from it, beside staff; empty: everybody.';

-- migrate:down
COMMENT ON COLUMN sources.tier IS NULL;
DROP INDEX sources_of_tiers;
ALTER TABLE join_codes DROP COLUMN tier;
ALTER TABLE enrolments DROP COLUMN tier;
