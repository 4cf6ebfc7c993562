-- migrate:up

-- CHRONOS that leave: held, perhaps approved, sent by a provider under the redemption's key, then settled or given back.
CREATE TABLE redemptions (
  creator_id bigint NOT NULL REFERENCES creators,
  id bigint GENERATED ALWAYS AS IDENTITY,
  key text NOT NULL UNIQUE CHECK (key ~ '^[0-9a-z-]{1,48}$'),
  student_id bigint REFERENCES students ON DELETE SET NULL,
  rail text NOT NULL CHECK (rail IN ('paypal', 'giftcard', 'credit', 'solana')),
  chronos bigint NOT NULL CHECK (chronos > 0),
  cents bigint NOT NULL CHECK (cents >= 0),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  destination text NOT NULL DEFAULT '',
  issuers bigint[] NOT NULL,
  state text NOT NULL CHECK (state IN ('approval', 'ready', 'sending', 'sent', 'settled', 'released', 'returned')),
  reason text NOT NULL DEFAULT '',
  ref text NOT NULL DEFAULT '',
  receipt text NOT NULL DEFAULT '',
  attempt jsonb,
  looks integer NOT NULL DEFAULT 0,
  asked_at timestamptz NOT NULL,
  decided_by bigint REFERENCES students ON DELETE SET NULL,
  decided_at timestamptz,
  began_at timestamptz,
  ended_at timestamptz,
  due_at timestamptz NOT NULL,
  PRIMARY KEY (creator_id, id)
);
CREATE INDEX redemptions_due ON redemptions (creator_id, due_at) WHERE state NOT IN ('approval', 'released', 'returned');
CREATE INDEX redemptions_of_student ON redemptions (student_id, asked_at DESC);
COMMENT ON TABLE redemptions IS 'creator_id: with whom it was asked for, whose staff approves it; issuers: whose CHRONOS it takes.';
COMMENT ON COLUMN redemptions.key IS 'Under which the provider knows it, for ever, and the books: redemption:KEY.';
COMMENT ON COLUMN redemptions.attempt IS 'What was signed for a chain: kept before it is sent, and the only thing that is sent again.';
COMMENT ON COLUMN redemptions.due_at IS 'When to look at it again.';

-- Erasing a person empties where it went, except of a payout under way, which needs it until its end is known.
CREATE FUNCTION forget_destination() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF new.student_id IS NULL AND new.state NOT IN ('sending', 'sent') THEN
    new.destination := '';
    new.receipt := '';
    new.attempt := NULL;
  END IF;
  RETURN new;
END $$;
CREATE TRIGGER forgets BEFORE UPDATE ON redemptions FOR EACH ROW EXECUTE FUNCTION forget_destination();

-- What a student was given as credit with the platform, instead of money; the operator sets it off.
CREATE TABLE platform_credits (
  creator_id bigint NOT NULL REFERENCES creators,
  key text NOT NULL,
  student_id bigint REFERENCES students ON DELETE SET NULL,
  cents bigint NOT NULL CHECK (cents > 0),
  currency text NOT NULL,
  given_at timestamptz NOT NULL,
  PRIMARY KEY (creator_id, key)
);
CREATE INDEX platform_credits_of_student ON platform_credits (student_id);

-- Where a person's payouts go: theirs over all creators, and nobody else's. A change waits before it counts.
CREATE TABLE payout_targets (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('solana', 'paypal')),
  destination text NOT NULL CHECK (length(destination) BETWEEN 3 AND 254),
  proposed_at timestamptz NOT NULL,
  usable_from timestamptz
);
CREATE UNIQUE INDEX payout_targets_are_unique ON payout_targets (kind, destination) WHERE usable_from IS NOT NULL;
CREATE INDEX payout_targets_of_student ON payout_targets (student_id, kind, usable_from DESC);
COMMENT ON COLUMN payout_targets.usable_from IS 'Empty until its owner confirmed it; the newest that is past is the one that counts.';

-- Creators of whom nothing is paid out until the operator has looked at their books.
CREATE TABLE payout_freezes (
  creator_id bigint PRIMARY KEY REFERENCES creators ON DELETE CASCADE,
  since timestamptz NOT NULL,
  reason text NOT NULL
);

-- End what a redemption holds of each issuer, once: release, redeem, or reverse (what was redeemed came back). It works
-- for people who were erased meanwhile, too: their accounts are still there.
CREATE FUNCTION end_redemption(p_issuers bigint[], p_key text, p_kind text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  scope text := current_setting('app.creator_id', true);
  issuer bigint;
  held transfers;
  ended transfers;
BEGIN
  FOREACH issuer IN ARRAY p_issuers LOOP
    PERFORM set_config('app.creator_id', issuer::text, true);
    SELECT * INTO held FROM transfers WHERE creator_id = issuer AND key = p_key || ':hold' AND kind = 'hold';
    IF NOT FOUND THEN
      RAISE EXCEPTION 'nothing is held under %', p_key USING errcode = 'CH404';
    END IF;
    IF p_kind = 'reverse' THEN
      SELECT * INTO ended FROM transfers WHERE creator_id = issuer AND parent_id = held.id AND kind = 'redeem';
      IF NOT FOUND THEN
        RAISE EXCEPTION 'nothing was redeemed under %', p_key USING errcode = 'CH404';
      END IF;
      PERFORM transfer_once(issuer, p_key || ':return', p_kind, held.reason, held.student_id, ended.credit_id,
                            held.debit_id, held.amount, ended.id, p_key, '{}');
    ELSE
      PERFORM transfer_once(issuer, p_key || ':end', p_kind, held.reason, held.student_id, held.credit_id,
                            CASE p_kind WHEN 'release' THEN held.debit_id
                                        ELSE account_of(issuer, 'redeemed', NULL) END,
                            held.amount, held.id, p_key, '{}');
    END IF;
  END LOOP;
  PERFORM set_config('app.creator_id', coalesce(scope, ''), true);
END $$;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['redemptions', 'platform_credits'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY person ON %I FOR SELECT TO chronos_app
                    USING (student_id = current_student() AND current_creator() IS NULL)', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO chronos_app', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_backup', name);
  END LOOP;
END $$;
GRANT UPDATE (destination, state, reason, ref, receipt, attempt, looks, decided_by, decided_at, began_at, ended_at, due_at)
  ON redemptions TO chronos_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON payout_targets, payout_freezes TO chronos_system;
GRANT SELECT ON payout_targets, payout_freezes TO chronos_backup;
GRANT SELECT ON SEQUENCE redemptions_id_seq, payout_targets_id_seq TO chronos_backup;

-- migrate:down
DROP FUNCTION end_redemption;
DROP TABLE payout_freezes, payout_targets, platform_credits, redemptions;
DROP FUNCTION forget_destination();
