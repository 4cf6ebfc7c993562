-- migrate:up

-- A question is counted before it is answered and what it may cost is set aside, so that a burst cannot pass a limit
-- together; the answer's true cost takes that place afterwards.
ALTER TABLE usage ADD COLUMN reserved_usd numeric(12, 6) NOT NULL DEFAULT 0;
COMMENT ON COLUMN usage.reserved_usd IS 'Set aside for an answer that is not written yet; 0 once its cost is known.';
CREATE INDEX usage_paid ON usage (creator_id, id) WHERE cost_usd > 0;
GRANT UPDATE (model, prompt_tokens, completion_tokens, cost_usd, reserved_usd) ON usage TO chronos_app;

-- migrate:down
REVOKE UPDATE (model, prompt_tokens, completion_tokens, cost_usd, reserved_usd) ON usage FROM chronos_app;
DROP INDEX usage_paid;
ALTER TABLE usage DROP COLUMN reserved_usd;
