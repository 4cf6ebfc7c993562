-- migrate:up

-- An act that a day's limit or budget refuses is judged again on a later day; one that cannot be judged is stepped over.
ALTER TABLE learning_acts ADD COLUMN judge_from timestamptz, ADD COLUMN attempts smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN learning_acts.judge_from IS 'When it is judged again, because that day had no more for it; else empty.';
COMMENT ON COLUMN learning_acts.attempts IS 'How often judging it failed.';
GRANT UPDATE (judge_from, attempts) ON learning_acts TO chronos_app;

-- With which creators people who were erased since had spent or redeemed what they earned. Nothing here says who they are.
CREATE TABLE former_earners (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  identity_hash bytea NOT NULL,
  PRIMARY KEY (creator_id, identity_hash)
);
COMMENT ON COLUMN former_earners.identity_hash IS 'As that of former_enrolments.';
GRANT SELECT, INSERT ON former_earners TO chronos_system;
GRANT SELECT ON former_earners TO chronos_backup;

-- What was spent or redeemed and came back, so that a wallet is what came in less what went out.
ALTER TABLE accounts ADD COLUMN total_refunded bigint NOT NULL DEFAULT 0 CHECK (total_refunded >= 0);
GRANT UPDATE (total_refunded) ON accounts TO chronos_app;
ALTER TABLE accounts DISABLE TRIGGER guarded;
DO $$
DECLARE scope text := current_setting('app.creator_id', true); one bigint;
BEGIN
  FOR one IN SELECT id FROM creators LOOP
    PERFORM set_config('app.creator_id', one::text, true);
    UPDATE accounts a SET total_refunded = back.amount
      FROM (SELECT credit_id, sum(amount) AS amount FROM transfers
             WHERE creator_id = one AND kind = 'reverse' GROUP BY 1) back
     WHERE a.creator_id = one AND a.id = back.credit_id AND a.kind = 'member';
  END LOOP;
  PERFORM set_config('app.creator_id', coalesce(scope, ''), true);
END $$;
ALTER TABLE accounts ENABLE TRIGGER guarded;

CREATE OR REPLACE FUNCTION guard_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF tg_op = 'DELETE' THEN
    RAISE EXCEPTION 'an account is never deleted' USING errcode = 'CH405';
  END IF;
  IF tg_op = 'INSERT' THEN
    IF new.balance <> 0 OR new.version <> 0 OR new.total_earned + new.total_spent + new.total_redeemed
         + new.total_reversed + new.total_refunded <> 0 THEN
      RAISE EXCEPTION 'an account is opened empty' USING errcode = 'CH405';
    END IF;
    RETURN new;
  END IF;
  IF pg_trigger_depth() < 2 AND
     to_jsonb(new) - 'status' - 'student_id' <> to_jsonb(old) - 'status' - 'student_id' THEN
    RAISE EXCEPTION 'balances are written by the ledger only' USING errcode = 'CH405';
  END IF;
  IF new.creator_id <> old.creator_id OR new.kind <> old.kind OR new.id <> old.id
     OR (new.student_id IS DISTINCT FROM old.student_id AND new.student_id IS NOT NULL) THEN
    RAISE EXCEPTION 'whose an account is stays as it is' USING errcode = 'CH405';
  END IF;
  RETURN new;
END $$;

CREATE OR REPLACE FUNCTION post_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  posted accounts;
BEGIN
  -- One ordered lock: no deadlock. NO KEY UPDATE: the checks of foreign keys elsewhere do not wait.
  PERFORM FROM accounts WHERE creator_id = new.creator_id AND id IN (new.debit_id, new.credit_id) AND is_kept(accounts)
    ORDER BY id FOR NO KEY UPDATE;
  IF EXISTS (SELECT FROM accounts WHERE creator_id = new.creator_id AND id = new.debit_id AND status = 'frozen') THEN
    RAISE EXCEPTION 'the account is frozen' USING errcode = 'CH423';
  END IF;
  UPDATE accounts
     SET balance = balance - new.amount, version = version + 1,
         total_spent = total_spent + CASE WHEN new.kind = 'spend' THEN new.amount ELSE 0 END,
         total_redeemed = total_redeemed + CASE WHEN new.kind = 'redeem' THEN new.amount ELSE 0 END,
         total_reversed = total_reversed + CASE WHEN new.kind = 'reverse' THEN new.amount ELSE 0 END
   WHERE creator_id = new.creator_id AND id = new.debit_id AND is_kept(accounts) RETURNING * INTO posted;
  IF FOUND THEN
    INSERT INTO entries (creator_id, account_id, version, transfer_id, student_id, amount, balance_after)
    VALUES (new.creator_id, posted.id, posted.version, new.id, new.student_id, -new.amount, posted.balance);
  END IF;
  UPDATE accounts
     SET balance = balance + new.amount, version = version + 1,
         total_earned = total_earned + CASE WHEN new.kind = 'earn' THEN new.amount ELSE 0 END,
         total_refunded = total_refunded + CASE WHEN new.kind = 'reverse' THEN new.amount ELSE 0 END
   WHERE creator_id = new.creator_id AND id = new.credit_id AND is_kept(accounts) RETURNING * INTO posted;
  IF FOUND THEN
    INSERT INTO entries (creator_id, account_id, version, transfer_id, student_id, amount, balance_after)
    VALUES (new.creator_id, posted.id, posted.version, new.id, new.student_id, new.amount, posted.balance);
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE VIEW token_wallets WITH (security_invoker = true) AS
  SELECT creator_id, student_id,
         sum(balance) FILTER (WHERE kind = 'member') AS balance,
         coalesce(sum(balance) FILTER (WHERE kind = 'held'), 0) AS held,
         coalesce(-sum(balance) FILTER (WHERE kind = 'owed'), 0) AS owed,
         sum(total_earned) AS total_earned, sum(total_spent) AS total_spent, sum(total_redeemed) AS total_redeemed,
         sum(total_reversed) AS total_reversed, sum(total_refunded) AS total_refunded
    FROM accounts WHERE student_id IS NOT NULL GROUP BY creator_id, student_id;

-- A late award of an earlier month locks that month and then its purses: so does who empties these.
CREATE OR REPLACE FUNCTION return_unspent(p_creator bigint, p_day date) RETURNS void LANGUAGE sql AS $$
  SELECT FROM issuance_periods
   WHERE creator_id = p_creator AND period = 'month' AND starts_on < date_trunc('month', p_day)::date
   ORDER BY starts_on DESC FOR UPDATE;
  WITH emptied AS (
    UPDATE issuance_purses p SET remaining = 0
      FROM (SELECT creator_id, day, purse, remaining FROM issuance_purses
             WHERE creator_id = p_creator AND day < p_day AND remaining > 0 ORDER BY day, purse FOR UPDATE) old
     WHERE p.creator_id = old.creator_id AND p.day = old.day AND p.purse = old.purse
    RETURNING old.day, old.remaining
  ), unspent AS (
    SELECT 'day' AS period, day AS starts_on, sum(remaining) AS amount FROM emptied GROUP BY day
    UNION ALL
    SELECT 'month', date_trunc('month', day)::date, sum(remaining) FROM emptied GROUP BY 2
  )
  UPDATE issuance_periods i SET given = given - unspent.amount
    FROM unspent
   WHERE i.creator_id = p_creator AND i.period = unspent.period AND i.starts_on = unspent.starts_on
$$;

-- The rule's limit counts on the student's day, the budget on the calendar's (UTC), wherever the student is.
DROP FUNCTION award(bigint, bigint, text, text, bigint, integer, date, bigint, bigint, jsonb);
CREATE FUNCTION award(
  p_creator bigint, p_student bigint, p_rule text, p_key text, p_amount bigint, p_most_a_day integer, p_day date,
  p_budget_day date, p_per_day bigint, p_per_month bigint, p_evidence jsonb, OUT status text
) LANGUAGE plpgsql AS $$
DECLARE
  counted integer;
  wallet bigint;
  owing record;
  done record;
BEGIN
  IF EXISTS (SELECT FROM transfers WHERE creator_id = p_creator AND key = p_key) THEN
    status := 'duplicate';
    RETURN;
  END IF;
  INSERT INTO earn_counts AS c (creator_id, student_id, rule, day, times) VALUES (p_creator, p_student, p_rule, p_day, 1)
  ON CONFLICT (creator_id, student_id, rule, day) DO UPDATE SET times = c.times + 1 WHERE c.times < p_most_a_day
  RETURNING times INTO counted;
  IF counted IS NULL OR counted > p_most_a_day THEN
    status := 'capped';
  ELSIF NOT draw_budget(p_creator, (p_student % 16)::integer, p_budget_day, p_amount, p_per_day, p_per_month) THEN
    status := 'over_budget';
  ELSE
    wallet := account_of(p_creator, 'member', p_student);
    done := transfer_once(p_creator, p_key, 'earn', p_rule, p_student, account_of(p_creator, 'issuance', NULL), wallet,
                          p_amount, NULL, NULL, p_evidence);
    IF NOT done.replayed THEN
      status := 'awarded';
      SELECT id, least(-balance, p_amount) AS amount INTO owing FROM accounts
       WHERE creator_id = p_creator AND kind = 'owed' AND student_id = p_student AND balance < 0;
      IF FOUND THEN
        PERFORM transfer_once(p_creator, p_key || ':owed', 'adjust', 'owed', p_student, wallet, owing.id, owing.amount,
                              NULL, NULL, '{}');
      END IF;
      RETURN;
    END IF;
    status := 'duplicate';
    UPDATE issuance_purses SET remaining = remaining + p_amount
     WHERE creator_id = p_creator AND day = p_budget_day AND purse = p_student % 16;
  END IF;
  IF counted <= p_most_a_day THEN -- it was counted and not paid
    UPDATE earn_counts SET times = times - 1
     WHERE creator_id = p_creator AND student_id = p_student AND rule = p_rule AND day = p_day;
  END IF;
END $$;

-- migrate:down
DROP FUNCTION award(bigint, bigint, text, text, bigint, integer, date, date, bigint, bigint, jsonb);
CREATE FUNCTION award(
  p_creator bigint, p_student bigint, p_rule text, p_key text, p_amount bigint, p_most_a_day integer, p_day date,
  p_per_day bigint, p_per_month bigint, p_evidence jsonb, OUT status text
) LANGUAGE plpgsql AS $$
DECLARE
  counted integer;
  wallet bigint;
  owing record;
  done record;
BEGIN
  IF EXISTS (SELECT FROM transfers WHERE creator_id = p_creator AND key = p_key) THEN
    status := 'duplicate';
    RETURN;
  END IF;
  INSERT INTO earn_counts AS c (creator_id, student_id, rule, day, times) VALUES (p_creator, p_student, p_rule, p_day, 1)
  ON CONFLICT (creator_id, student_id, rule, day) DO UPDATE SET times = c.times + 1 WHERE c.times < p_most_a_day
  RETURNING times INTO counted;
  IF counted IS NULL OR counted > p_most_a_day THEN
    status := 'capped';
  ELSIF NOT draw_budget(p_creator, (p_student % 16)::integer, p_day, p_amount, p_per_day, p_per_month) THEN
    status := 'over_budget';
  ELSE
    wallet := account_of(p_creator, 'member', p_student);
    done := transfer_once(p_creator, p_key, 'earn', p_rule, p_student, account_of(p_creator, 'issuance', NULL), wallet,
                          p_amount, NULL, NULL, p_evidence);
    IF NOT done.replayed THEN
      status := 'awarded';
      SELECT id, least(-balance, p_amount) AS amount INTO owing FROM accounts
       WHERE creator_id = p_creator AND kind = 'owed' AND student_id = p_student AND balance < 0;
      IF FOUND THEN
        PERFORM transfer_once(p_creator, p_key || ':owed', 'adjust', 'owed', p_student, wallet, owing.id, owing.amount,
                              NULL, NULL, '{}');
      END IF;
      RETURN;
    END IF;
    status := 'duplicate';
    UPDATE issuance_purses SET remaining = remaining + p_amount
     WHERE creator_id = p_creator AND day = p_day AND purse = p_student % 16;
  END IF;
  IF counted <= p_most_a_day THEN -- it was counted and not paid
    UPDATE earn_counts SET times = times - 1
     WHERE creator_id = p_creator AND student_id = p_student AND rule = p_rule AND day = p_day;
  END IF;
END $$;
CREATE OR REPLACE FUNCTION return_unspent(p_creator bigint, p_day date) RETURNS void LANGUAGE sql AS $$
  WITH emptied AS (
    UPDATE issuance_purses p SET remaining = 0
      FROM (SELECT creator_id, day, purse, remaining FROM issuance_purses
             WHERE creator_id = p_creator AND day < p_day AND remaining > 0 ORDER BY day, purse FOR UPDATE) old
     WHERE p.creator_id = old.creator_id AND p.day = old.day AND p.purse = old.purse
    RETURNING old.day, old.remaining
  ), unspent AS (
    SELECT 'day' AS period, day AS starts_on, sum(remaining) AS amount FROM emptied GROUP BY day
    UNION ALL
    SELECT 'month', date_trunc('month', day)::date, sum(remaining) FROM emptied GROUP BY 2
  )
  UPDATE issuance_periods i SET given = given - unspent.amount
    FROM unspent
   WHERE i.creator_id = p_creator AND i.period = unspent.period AND i.starts_on = unspent.starts_on
$$;
CREATE OR REPLACE FUNCTION guard_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF tg_op = 'DELETE' THEN
    RAISE EXCEPTION 'an account is never deleted' USING errcode = 'CH405';
  END IF;
  IF tg_op = 'INSERT' THEN
    IF new.balance <> 0 OR new.version <> 0 OR new.total_earned + new.total_spent + new.total_redeemed
         + new.total_reversed <> 0 THEN
      RAISE EXCEPTION 'an account is opened empty' USING errcode = 'CH405';
    END IF;
    RETURN new;
  END IF;
  IF pg_trigger_depth() < 2 AND
     to_jsonb(new) - 'status' - 'student_id' <> to_jsonb(old) - 'status' - 'student_id' THEN
    RAISE EXCEPTION 'balances are written by the ledger only' USING errcode = 'CH405';
  END IF;
  IF new.creator_id <> old.creator_id OR new.kind <> old.kind OR new.id <> old.id
     OR (new.student_id IS DISTINCT FROM old.student_id AND new.student_id IS NOT NULL) THEN
    RAISE EXCEPTION 'whose an account is stays as it is' USING errcode = 'CH405';
  END IF;
  RETURN new;
END $$;
CREATE OR REPLACE FUNCTION post_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  posted accounts;
BEGIN
  -- One ordered lock: no deadlock. NO KEY UPDATE: the checks of foreign keys elsewhere do not wait.
  PERFORM FROM accounts WHERE creator_id = new.creator_id AND id IN (new.debit_id, new.credit_id) AND is_kept(accounts)
    ORDER BY id FOR NO KEY UPDATE;
  IF EXISTS (SELECT FROM accounts WHERE creator_id = new.creator_id AND id = new.debit_id AND status = 'frozen') THEN
    RAISE EXCEPTION 'the account is frozen' USING errcode = 'CH423';
  END IF;
  UPDATE accounts
     SET balance = balance - new.amount, version = version + 1,
         total_spent = total_spent + CASE WHEN new.kind = 'spend' THEN new.amount ELSE 0 END,
         total_redeemed = total_redeemed + CASE WHEN new.kind = 'redeem' THEN new.amount ELSE 0 END,
         total_reversed = total_reversed + CASE WHEN new.kind = 'reverse' THEN new.amount ELSE 0 END
   WHERE creator_id = new.creator_id AND id = new.debit_id AND is_kept(accounts) RETURNING * INTO posted;
  IF FOUND THEN
    INSERT INTO entries (creator_id, account_id, version, transfer_id, student_id, amount, balance_after)
    VALUES (new.creator_id, posted.id, posted.version, new.id, new.student_id, -new.amount, posted.balance);
  END IF;
  UPDATE accounts
     SET balance = balance + new.amount, version = version + 1,
         total_earned = total_earned + CASE WHEN new.kind = 'earn' THEN new.amount ELSE 0 END
   WHERE creator_id = new.creator_id AND id = new.credit_id AND is_kept(accounts) RETURNING * INTO posted;
  IF FOUND THEN
    INSERT INTO entries (creator_id, account_id, version, transfer_id, student_id, amount, balance_after)
    VALUES (new.creator_id, posted.id, posted.version, new.id, new.student_id, new.amount, posted.balance);
  END IF;
  RETURN NULL;
END $$;
DROP VIEW token_wallets;
CREATE VIEW token_wallets WITH (security_invoker = true) AS
  SELECT creator_id, student_id,
         sum(balance) FILTER (WHERE kind = 'member') AS balance,
         coalesce(sum(balance) FILTER (WHERE kind = 'held'), 0) AS held,
         coalesce(-sum(balance) FILTER (WHERE kind = 'owed'), 0) AS owed,
         sum(total_earned) AS total_earned, sum(total_spent) AS total_spent, sum(total_redeemed) AS total_redeemed,
         sum(total_reversed) AS total_reversed
    FROM accounts WHERE student_id IS NOT NULL GROUP BY creator_id, student_id;
COMMENT ON VIEW token_wallets IS 'A student''s wallet with each creator; their sum is the wallet.';
GRANT SELECT ON token_wallets TO chronos_app, chronos_backup;
ALTER TABLE accounts DROP COLUMN total_refunded;
DROP TABLE former_earners;
ALTER TABLE learning_acts DROP COLUMN judge_from, DROP COLUMN attempts;
