-- migrate:up

-- Which students were one person some time: what one of them was paid for is not paid again to another. The other one
-- may be gone.
CREATE TABLE same_person (
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  other_id bigint NOT NULL,
  PRIMARY KEY (student_id, other_id)
);
GRANT SELECT, INSERT ON same_person TO chronos_system;
GRANT SELECT ON same_person TO chronos_backup;

-- How often somebody earned today goes with them when they are joined to another student, for the limit of the day.
ALTER TABLE earn_counts ADD COLUMN taken_over integer NOT NULL DEFAULT 0 CHECK (taken_over BETWEEN 0 AND times);
COMMENT ON COLUMN earn_counts.taken_over IS 'How many of the times were another student''s, who was joined to this one.';

CREATE INDEX transfers_taken_over ON transfers (student_id) WHERE reason = 'linked';

-- A season that ended is fixed, but for two in it who become one.
GRANT UPDATE (earned) ON season_standings TO chronos_app;
CREATE POLICY fixed ON season_standings AS RESTRICTIVE FOR UPDATE TO chronos_app USING (joining_student() IS NOT NULL);

-- Whose a row is changes only where two students are joined, and only from the one to the other.
CREATE FUNCTION keep_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'whose a row of % is stays as it is', tg_table_name USING errcode = '42501';
END $$;

CREATE FUNCTION keep_owners(p_table regclass, p_column text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER keeps_%1$s BEFORE UPDATE OF %2$I ON %3$s FOR EACH ROW
                  WHEN (old.%2$I IS DISTINCT FROM new.%2$I AND current_user = ''chronos_app''
                        AND (old.%2$I = joining_student() AND new.%2$I = current_student()) IS NOT TRUE)
                  EXECUTE FUNCTION keep_owner()', p_column, p_column, p_table);
END $$;
REVOKE EXECUTE ON FUNCTION keep_owners FROM public;

CREATE OR REPLACE FUNCTION let_join(p_table regclass, p_column text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT has_column_privilege('chronos_app', p_table, p_column, 'UPDATE') THEN
    PERFORM keep_owners(p_table, p_column);
  END IF;
  EXECUTE format('GRANT UPDATE (%I) ON %s TO chronos_app', p_column, p_table);
  EXECUTE format('CREATE POLICY joining_%s ON %s TO chronos_app
                  USING (creator_id = current_creator() AND %I = joining_student())
                  WITH CHECK (creator_id = current_creator() AND %I = current_student())',
                 p_column, p_table, p_column, p_column);
END $$;

-- Not who decided or wrote something: the application writes that itself.
DO $$
DECLARE joined record;
BEGIN
  FOR joined IN
    SELECT polrelid::regclass AS owner, substr(polname, length('joining_') + 1) AS field FROM pg_policy
     WHERE polname LIKE 'joining\_%'
       AND polname NOT IN ('joining_reviewer_id', 'joining_author_id', 'joining_drafted_by', 'joining_decided_by', 'joining_cleared_by')
  LOOP
    PERFORM keep_owners(joined.owner, joined.field);
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = 'escalation_askers'::regclass AND polname LIKE 'joining\_%') THEN
    PERFORM let_join('escalation_askers', 'student_id');
  END IF;
END $$;

-- End what a redemption holds of each issuer, once: release, redeem, or reverse (what was redeemed came back). It works
-- for people who were erased meanwhile, too: their accounts are still there.
CREATE OR REPLACE FUNCTION end_redemption(p_issuers bigint[], p_key text, p_kind text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  scope text := current_setting('app.creator_id', true);
  owner bigint := (SELECT student_id FROM redemptions WHERE p_kind = 'reverse' AND 'redemption:' || key = p_key);
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
      IF held.student_id IS NULL AND owner IS NOT NULL THEN -- it was another student's, who was joined to this one
        PERFORM transfer_once(issuer, p_key || ':return', 'adjust', held.reason, owner,
                              account_of(issuer, 'issuance', NULL), account_of(issuer, 'member', owner), held.amount,
                              NULL, p_key, '{}');
        CONTINUE;
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

-- Give back to a student what another, who was joined to this one, spent under a key: once, in each creator's books.
CREATE FUNCTION refund_taken_over(
  p_student bigint, p_creators bigint[], p_key text, p_reason text, p_metadata jsonb, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
  issuer bigint;
  spent transfers;
  done record;
BEGIN
  IF p_student IS DISTINCT FROM current_student() THEN
    RAISE EXCEPTION 'another student''s wallet' USING errcode = '42501';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('wallet', p_student));
  FOREACH issuer IN ARRAY p_creators LOOP
    PERFORM set_config('app.creator_id', issuer::text, true);
    SELECT * INTO spent FROM transfers
     WHERE creator_id = issuer AND key = p_key || ':end' AND kind = 'spend' AND student_id IS NULL;
    CONTINUE WHEN NOT FOUND;
    done := transfer_once(issuer, p_key || ':refund', 'adjust', p_reason, p_student, account_of(issuer, 'issuance', NULL),
                          account_of(issuer, 'member', p_student), spent.amount, NULL, p_key, p_metadata);
    replayed := coalesce(replayed, true) AND done.replayed;
  END LOOP;
  PERFORM set_config('app.creator_id', '', true);
  IF replayed IS NULL THEN
    RAISE EXCEPTION 'nothing was spent under %', p_key USING errcode = 'CH404';
  END IF;
END $$;

-- Take an award back; one of another student, who was joined to this one, as far as there is something left of it.
CREATE FUNCTION reverse_award_of(
  p_creator bigint, p_student bigint, p_key text, p_reason text, p_metadata jsonb, OUT status text
) LANGUAGE plpgsql AS $$
DECLARE
  awarded transfers;
  wallet accounts;
BEGIN
  status := reverse_award(p_creator, p_key, p_reason, p_metadata);
  SELECT * INTO awarded FROM transfers
   WHERE creator_id = p_creator AND key = p_key AND kind IN ('earn', 'adjust') AND student_id IS NULL;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT * INTO wallet FROM accounts
   WHERE creator_id = p_creator AND kind = 'member' AND student_id = p_student FOR NO KEY UPDATE;
  IF EXISTS (SELECT FROM transfers WHERE creator_id = p_creator AND key = p_key || ':reverse') THEN
    status := 'duplicate';
  ELSIF wallet.balance > 0 THEN
    PERFORM transfer_once(p_creator, p_key || ':reverse', 'adjust', p_reason, p_student, wallet.id,
                          account_of(p_creator, 'issuance', NULL), least(wallet.balance, awarded.amount), NULL, NULL,
                          p_metadata);
    status := 'reversed';
  END IF;
END $$;

-- migrate:down
DROP FUNCTION reverse_award_of, refund_taken_over;
CREATE OR REPLACE FUNCTION end_redemption(p_issuers bigint[], p_key text, p_kind text) RETURNS void LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION let_join(p_table regclass, p_column text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT UPDATE (%I) ON %s TO chronos_app', p_column, p_table);
  EXECUTE format('CREATE POLICY joining_%s ON %s TO chronos_app
                  USING (creator_id = current_creator() AND %I = joining_student())
                  WITH CHECK (creator_id = current_creator() AND %I = current_student())',
                 p_column, p_table, p_column, p_column);
END $$;

DO $$
DECLARE kept record;
BEGIN
  FOR kept IN SELECT tgname AS name, tgrelid::regclass AS owner FROM pg_trigger WHERE tgname LIKE 'keeps\_%' LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', kept.name, kept.owner);
  END LOOP;
END $$;
DROP FUNCTION keep_owners, keep_owner;
DROP POLICY joining_student_id ON escalation_askers;
REVOKE UPDATE (student_id) ON escalation_askers FROM chronos_app;
DROP POLICY fixed ON season_standings;
REVOKE UPDATE (earned) ON season_standings FROM chronos_app;
DROP INDEX transfers_taken_over;
ALTER TABLE earn_counts DROP COLUMN taken_over;
DROP TABLE same_person;
