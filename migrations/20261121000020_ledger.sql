-- migrate:up

-- CHRONOS. A wallet is a student's accounts over all creators; every creator's books balance on their own. Amounts are
-- whole CHRONOS. Transfers are inserted and nothing else is written by hand: entries and balances follow by triggers, and
-- nothing is ever changed or deleted. No function has more rights than who calls it, so that row-level security holds
-- in every one.

CREATE TABLE accounts (
  creator_id bigint NOT NULL REFERENCES creators,
  id bigint GENERATED ALWAYS AS IDENTITY,
  kind text NOT NULL CHECK (kind IN ('issuance', 'member', 'held', 'owed', 'spent', 'redeemed')),
  student_id bigint REFERENCES students ON DELETE SET NULL,
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'frozen')),
  balance bigint NOT NULL DEFAULT 0,
  version bigint NOT NULL DEFAULT 0,
  total_earned bigint NOT NULL DEFAULT 0 CHECK (total_earned >= 0),
  total_spent bigint NOT NULL DEFAULT 0 CHECK (total_spent >= 0),
  total_redeemed bigint NOT NULL DEFAULT 0 CHECK (total_redeemed >= 0),
  total_reversed bigint NOT NULL DEFAULT 0 CHECK (total_reversed >= 0),
  opened_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  CONSTRAINT sufficient_funds CHECK (balance >= 0 OR kind = 'owed'),
  CONSTRAINT owed_at_most_nothing CHECK (balance <= 0 OR kind <> 'owed'),
  CONSTRAINT system_accounts_are_nobodys CHECK (student_id IS NULL OR kind IN ('member', 'held', 'owed'))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX accounts_of_student ON accounts (student_id, creator_id, kind) WHERE student_id IS NOT NULL;
CREATE UNIQUE INDEX accounts_of_system ON accounts (creator_id, kind) WHERE kind IN ('issuance', 'spent', 'redeemed');
COMMENT ON TABLE accounts IS
  'Of a student with a creator: what is there (member), what is set aside (held), what was reversed after it was gone (owed). Of a creator: where CHRONOS come from and end.';
COMMENT ON COLUMN accounts.student_id IS 'Empty for accounts of people who were erased: the books stay, without them.';

CREATE TABLE transfers (
  creator_id bigint NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
  request_hash bytea NOT NULL,
  kind text NOT NULL CHECK (kind IN ('earn', 'hold', 'release', 'spend', 'redeem', 'reverse', 'adjust')),
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  student_id bigint REFERENCES students ON DELETE SET NULL,
  debit_id bigint NOT NULL,
  credit_id bigint NOT NULL CHECK (credit_id <> debit_id),
  amount bigint NOT NULL CHECK (amount > 0),
  parent_id bigint,
  wallet_key text,
  metadata jsonb NOT NULL DEFAULT '{}',
  occurred_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  UNIQUE (creator_id, key),
  CONSTRAINT ends_once UNIQUE (creator_id, parent_id),
  CHECK ((kind IN ('release', 'spend', 'redeem', 'reverse')) = (parent_id IS NOT NULL)),
  FOREIGN KEY (creator_id, debit_id) REFERENCES accounts (creator_id, id),
  FOREIGN KEY (creator_id, credit_id) REFERENCES accounts (creator_id, id),
  FOREIGN KEY (creator_id, parent_id) REFERENCES transfers (creator_id, id)
);
CREATE INDEX transfers_of_student ON transfers (student_id, created_at DESC, id DESC);
CREATE INDEX transfers_by_time ON transfers (creator_id, created_at);
CREATE INDEX transfers_of_wallet_key ON transfers (student_id, wallet_key) WHERE wallet_key IS NOT NULL;
COMMENT ON COLUMN transfers.request_hash IS 'Of what was asked for: the same key with anything else is refused.';
COMMENT ON COLUMN transfers.parent_id IS 'The hold that this ends, or the transfer that this takes back; each at most once.';
COMMENT ON COLUMN transfers.wallet_key IS 'What joins the holds that one purchase or redemption took from several creators.';

CREATE TABLE entries (
  creator_id bigint NOT NULL,
  account_id bigint NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  transfer_id bigint NOT NULL,
  student_id bigint REFERENCES students ON DELETE SET NULL,
  amount bigint NOT NULL CHECK (amount <> 0),
  balance_after bigint NOT NULL,
  PRIMARY KEY (creator_id, account_id, version),
  FOREIGN KEY (creator_id, account_id) REFERENCES accounts (creator_id, id),
  FOREIGN KEY (creator_id, transfer_id) REFERENCES transfers (creator_id, id)
);
CREATE INDEX entries_of_transfer ON entries (creator_id, transfer_id);
CREATE INDEX entries_of_student ON entries (student_id) WHERE student_id IS NOT NULL;
COMMENT ON TABLE entries IS 'The chain of each account''s balances, without gaps: an update that was lost cannot be committed.';

-- What the staff wrote when it gave something: words about a person, which go with the person, beside books that stay.
CREATE TABLE transfer_notes (
  creator_id bigint NOT NULL REFERENCES creators,
  key text NOT NULL,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  note text NOT NULL CHECK (length(note) BETWEEN 1 AND 200),
  PRIMARY KEY (creator_id, key),
  FOREIGN KEY (creator_id, key) REFERENCES transfers (creator_id, key)
);
CREATE INDEX transfer_notes_of_student ON transfer_notes (student_id);

-- How often a student earned by a rule on a day; counted in the transaction that pays.
CREATE TABLE earn_counts (
  creator_id bigint NOT NULL REFERENCES creators,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  rule text NOT NULL,
  day date NOT NULL,
  times integer NOT NULL CHECK (times >= 0),
  PRIMARY KEY (creator_id, student_id, rule, day)
);

-- What a creator may still issue: the month gives to its days, a day gives to sixteen purses, and each award draws from
-- one purse, so that awards do not queue at one row and no limit is ever passed.
CREATE TABLE issuance_periods (
  creator_id bigint NOT NULL REFERENCES creators,
  period text NOT NULL CHECK (period IN ('day', 'month')),
  starts_on date NOT NULL,
  given bigint NOT NULL DEFAULT 0 CHECK (given >= 0),
  PRIMARY KEY (creator_id, period, starts_on)
);
CREATE TABLE issuance_purses (
  creator_id bigint NOT NULL REFERENCES creators,
  day date NOT NULL,
  purse smallint NOT NULL CHECK (purse BETWEEN 0 AND 15),
  remaining bigint NOT NULL DEFAULT 0 CHECK (remaining >= 0),
  PRIMARY KEY (creator_id, day, purse)
) WITH (fillfactor = 50);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Erasing a person empties whose it was, and changes nothing else.
  IF tg_op = 'UPDATE' AND tg_level = 'ROW'
     AND to_jsonb(new) - 'student_id' = to_jsonb(old) - 'student_id' AND new.student_id IS NULL THEN
    RETURN new;
  END IF;
  RAISE EXCEPTION '% is append-only', tg_table_name USING errcode = 'CH405';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON transfers FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON transfers FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION guard_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'entries are written by the ledger only' USING errcode = 'CH405';
  END IF;
  RETURN new;
END $$;
CREATE TRIGGER written_by_ledger BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION guard_entry();

CREATE FUNCTION guard_account() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER guarded BEFORE INSERT OR UPDATE OR DELETE ON accounts
  FOR EACH ROW EXECUTE FUNCTION guard_account();

-- Which accounts each kind of transfer may join, and that an ending mirrors what it ends.
CREATE FUNCTION guard_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  debited accounts;
  credited accounts;
  parent transfers;
  way text;
BEGIN
  SELECT * INTO debited FROM accounts WHERE creator_id = new.creator_id AND id = new.debit_id;
  SELECT * INTO credited FROM accounts WHERE creator_id = new.creator_id AND id = new.credit_id;
  way := debited.kind || ' to ' || credited.kind;
  IF coalesce(debited.student_id <> new.student_id, false) OR coalesce(credited.student_id <> new.student_id, false) THEN
    RAISE EXCEPTION 'a transfer joins accounts of one student' USING errcode = 'CH422';
  END IF;
  IF new.parent_id IS NULL THEN
    IF NOT (CASE new.kind WHEN 'earn' THEN way = 'issuance to member'
                          WHEN 'hold' THEN way = 'member to held'
                          WHEN 'adjust' THEN way IN ('issuance to member', 'member to issuance', 'member to owed')
                          ELSE false END) THEN
      RAISE EXCEPTION '% does not go from %', new.kind, way USING errcode = 'CH422';
    END IF;
    RETURN new;
  END IF;
  SELECT * INTO parent FROM transfers WHERE creator_id = new.creator_id AND id = new.parent_id;
  IF parent.amount <> new.amount OR parent.student_id IS DISTINCT FROM new.student_id OR NOT (CASE new.kind
       WHEN 'release' THEN parent.kind = 'hold' AND way = 'held to member'
       WHEN 'spend' THEN parent.kind = 'hold' AND way = 'held to spent'
       WHEN 'redeem' THEN parent.kind = 'hold' AND way = 'held to redeemed'
       WHEN 'reverse' THEN parent.kind IN ('earn', 'adjust') AND way IN ('member to issuance', 'owed to issuance')
                        OR parent.kind IN ('spend', 'redeem') AND way IN ('spent to member', 'redeemed to member')
                           AND new.debit_id = parent.credit_id
       ELSE false END) THEN
    RAISE EXCEPTION 'the ending does not fit what it ends' USING errcode = 'CH422';
  END IF;
  RETURN new;
END $$;
CREATE TRIGGER fits BEFORE INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION guard_transfer();

-- Every transfer of a creator touches issuance, spent or redeemed: balances kept for these would be a queue, so only the
-- transfers say them.
CREATE FUNCTION is_kept(accounts) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1.kind IN ('member', 'held', 'owed');

CREATE FUNCTION post_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER posted AFTER INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION post_transfer();

-- The account of a kind, opened where there is none yet.
CREATE FUNCTION account_of(p_creator bigint, p_kind text, p_student bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  found bigint;
BEGIN
  IF (p_student IS NULL) <> (p_kind IN ('issuance', 'spent', 'redeemed')) THEN
    RAISE EXCEPTION 'whose account is it?' USING errcode = 'CH422';
  END IF;
  LOOP
    SELECT id INTO found FROM accounts
     WHERE creator_id = p_creator AND kind = p_kind AND student_id IS NOT DISTINCT FROM p_student;
    EXIT WHEN found IS NOT NULL;
    INSERT INTO accounts (creator_id, kind, student_id) VALUES (p_creator, p_kind, p_student) ON CONFLICT DO NOTHING;
  END LOOP;
  RETURN found;
END $$;

-- Once for a key: the same request again is answered with the first transfer, another under its key is refused.
CREATE FUNCTION transfer_once(
  p_creator bigint, p_key text, p_kind text, p_reason text, p_student bigint, p_debit bigint, p_credit bigint,
  p_amount bigint, p_parent bigint, p_wallet_key text, p_metadata jsonb, OUT transfer_id bigint, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
  hash bytea := sha256(convert_to(
    jsonb_build_array(p_kind, p_reason, p_student, p_amount, p_parent, p_wallet_key)::text, 'utf8'));
  known record;
BEGIN
  INSERT INTO transfers (creator_id, key, request_hash, kind, reason, student_id, debit_id, credit_id, amount, parent_id,
                         wallet_key, metadata)
  VALUES (p_creator, p_key, hash, p_kind, p_reason, p_student, p_debit, p_credit, p_amount, p_parent, p_wallet_key,
          p_metadata)
  ON CONFLICT (creator_id, key) DO NOTHING RETURNING id INTO transfer_id;
  replayed := NOT FOUND;
  IF replayed THEN
    SELECT id, request_hash INTO known FROM transfers WHERE creator_id = p_creator AND key = p_key;
    IF known.request_hash <> hash THEN
      RAISE EXCEPTION 'the key % was used for something else', p_key USING errcode = 'CH409';
    END IF;
    transfer_id := known.id;
  END IF;
END $$;

-- Give the month back what earlier days left in their purses.
CREATE FUNCTION return_unspent(p_creator bigint, p_day date) RETURNS void LANGUAGE sql AS $$
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

-- Take an amount out of what may still be issued on a day; false where the day or the month has no more. Where the own
-- purse has it, nothing else is locked; else the month, the day and the purses are, always in this order.
CREATE FUNCTION draw_budget(
  p_creator bigint, p_purse integer, p_day date, p_amount bigint, p_per_day bigint, p_per_month bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_month date := date_trunc('month', p_day)::date;
  open_today bigint;
  open_in_month bigint;
  portion bigint;
  lacking bigint;
  other record;
BEGIN
  BEGIN
    UPDATE issuance_purses SET remaining = remaining - p_amount
     WHERE creator_id = p_creator AND day = p_day AND purse = p_purse AND remaining >= p_amount;
    IF FOUND THEN RETURN true; END IF;
    RAISE EXCEPTION USING errcode = 'CH402';
  EXCEPTION WHEN SQLSTATE 'CH402' THEN
    NULL; -- lets go of a purse that was waited for in vain: it comes after the month
  END;
  INSERT INTO issuance_periods (creator_id, period, starts_on) VALUES (p_creator, 'month', v_month) ON CONFLICT DO NOTHING;
  PERFORM FROM issuance_periods WHERE creator_id = p_creator AND period = 'month' AND starts_on = v_month FOR UPDATE;
  INSERT INTO issuance_periods (creator_id, period, starts_on) VALUES (p_creator, 'day', p_day) ON CONFLICT DO NOTHING;
  IF FOUND THEN
    PERFORM return_unspent(p_creator, p_day);
  END IF;
  SELECT p_per_day - given INTO open_today FROM issuance_periods
   WHERE creator_id = p_creator AND period = 'day' AND starts_on = p_day FOR UPDATE;
  SELECT p_per_month - given INTO open_in_month FROM issuance_periods
   WHERE creator_id = p_creator AND period = 'month' AND starts_on = v_month;
  INSERT INTO issuance_purses (creator_id, day, purse) VALUES (p_creator, p_day, p_purse) ON CONFLICT DO NOTHING;
  PERFORM FROM issuance_purses WHERE creator_id = p_creator AND day = p_day ORDER BY purse FOR UPDATE;
  portion := greatest(least(greatest(p_amount, p_per_day / 64), open_today, open_in_month), 0);
  lacking := p_amount - portion;
  IF lacking > (SELECT sum(remaining) FROM issuance_purses WHERE creator_id = p_creator AND day = p_day) THEN
    RETURN false;
  END IF;
  UPDATE issuance_periods SET given = given + portion
   WHERE creator_id = p_creator AND (period, starts_on) IN (('month', v_month), ('day', p_day));
  UPDATE issuance_purses SET remaining = remaining + greatest(-lacking, 0)
   WHERE creator_id = p_creator AND day = p_day AND purse = p_purse;
  FOR other IN SELECT purse, remaining FROM issuance_purses
                WHERE creator_id = p_creator AND day = p_day AND lacking > 0 ORDER BY purse LOOP
    UPDATE issuance_purses SET remaining = remaining - least(other.remaining, lacking)
     WHERE creator_id = p_creator AND day = p_day AND purse = other.purse;
    lacking := lacking - least(other.remaining, lacking);
    EXIT WHEN lacking = 0;
  END LOOP;
  RETURN true;
END $$;

-- One award: once for its key, within the rule's daily limit and the creator's budget; what is owed is paid back first.
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

-- Take an award back; what is not there any more is owed.
CREATE FUNCTION reverse_award(p_creator bigint, p_key text, p_reason text, p_metadata jsonb, OUT status text)
LANGUAGE plpgsql AS $$
DECLARE
  awarded transfers;
  from_account bigint;
BEGIN
  SELECT * INTO awarded FROM transfers WHERE creator_id = p_creator AND key = p_key AND kind IN ('earn', 'adjust');
  IF NOT FOUND OR awarded.student_id IS NULL THEN -- whose it was is gone
    status := 'unknown';
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM transfers WHERE creator_id = p_creator AND parent_id = awarded.id) THEN
    status := 'duplicate';
    RETURN;
  END IF;
  SELECT id INTO from_account FROM accounts
   WHERE creator_id = p_creator AND id = awarded.credit_id AND balance >= awarded.amount FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    from_account := account_of(p_creator, 'owed', awarded.student_id);
  END IF;
  PERFORM transfer_once(p_creator, p_key || ':reverse', 'reverse', p_reason, awarded.student_id, from_account,
                        awarded.debit_id, awarded.amount, awarded.id, NULL, p_metadata);
  status := 'reversed';
END $$;

-- Set an amount aside for a purchase or redemption: from the given creators in their order, from each what is there.
-- Each transfer is written in its own creator's scope; the caller is in the student's.
CREATE FUNCTION hold_wallet(
  p_student bigint, p_issuers bigint[], p_key text, p_reason text, p_amount bigint, p_metadata jsonb,
  OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
  issuer bigint;
  remaining bigint := p_amount;
  known record;
  wallet accounts;
BEGIN
  IF p_student IS DISTINCT FROM current_student() THEN
    RAISE EXCEPTION 'another student''s wallet' USING errcode = '42501';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('wallet', p_student));
  SELECT count(*) AS holds, sum(amount) AS amount, min(reason) AS reason INTO known
    FROM transfers WHERE student_id = p_student AND wallet_key = p_key AND kind = 'hold';
  replayed := known.holds > 0;
  IF replayed THEN
    IF known.amount <> p_amount OR known.reason <> p_reason THEN
      RAISE EXCEPTION 'the key % was used for something else', p_key USING errcode = 'CH409';
    END IF;
    RETURN;
  END IF;
  FOREACH issuer IN ARRAY p_issuers LOOP
    EXIT WHEN remaining = 0;
    PERFORM set_config('app.creator_id', issuer::text, true);
    SELECT * INTO wallet FROM accounts
     WHERE creator_id = issuer AND kind = 'member' AND student_id = p_student AND status = 'open' AND balance > 0
       FOR NO KEY UPDATE;
    CONTINUE WHEN NOT FOUND;
    PERFORM transfer_once(issuer, p_key || ':hold', 'hold', p_reason, p_student, wallet.id,
                          account_of(issuer, 'held', p_student), least(wallet.balance, remaining), NULL, p_key,
                          p_metadata);
    remaining := remaining - least(wallet.balance, remaining);
  END LOOP;
  PERFORM set_config('app.creator_id', '', true);
  IF remaining > 0 THEN
    RAISE EXCEPTION 'the wallet lacks %', remaining USING errcode = '23514', constraint = 'sufficient_funds';
  END IF;
END $$;

-- End all holds of a purchase or redemption in one way: release, spend or redeem; each once.
CREATE FUNCTION end_holds(p_student bigint, p_key text, p_kind text, p_metadata jsonb, OUT replayed boolean)
LANGUAGE plpgsql AS $$
DECLARE
  holds transfers[];
  held transfers;
  done record;
  goal bigint;
BEGIN
  IF p_student IS DISTINCT FROM current_student() THEN
    RAISE EXCEPTION 'another student''s wallet' USING errcode = '42501';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('wallet', p_student));
  holds := ARRAY(SELECT t FROM transfers t WHERE student_id = p_student AND wallet_key = p_key AND kind = 'hold'
                  ORDER BY creator_id);
  FOREACH held IN ARRAY holds LOOP
    PERFORM set_config('app.creator_id', held.creator_id::text, true);
    goal := CASE p_kind WHEN 'release' THEN held.debit_id WHEN 'spend' THEN account_of(held.creator_id, 'spent', NULL)
                        ELSE account_of(held.creator_id, 'redeemed', NULL) END;
    done := transfer_once(held.creator_id, p_key || ':end', p_kind, held.reason, p_student, held.credit_id, goal,
                          held.amount, held.id, p_key, p_metadata);
    replayed := coalesce(replayed, true) AND done.replayed;
  END LOOP;
  PERFORM set_config('app.creator_id', '', true);
  IF replayed IS NULL THEN
    RAISE EXCEPTION 'nothing is held under %', p_key USING errcode = 'CH404';
  END IF;
END $$;

CREATE VIEW token_wallets WITH (security_invoker = true) AS
  SELECT creator_id, student_id,
         sum(balance) FILTER (WHERE kind = 'member') AS balance,
         coalesce(sum(balance) FILTER (WHERE kind = 'held'), 0) AS held,
         coalesce(-sum(balance) FILTER (WHERE kind = 'owed'), 0) AS owed,
         sum(total_earned) AS total_earned, sum(total_spent) AS total_spent, sum(total_redeemed) AS total_redeemed,
         sum(total_reversed) AS total_reversed
    FROM accounts WHERE student_id IS NOT NULL GROUP BY creator_id, student_id;
COMMENT ON VIEW token_wallets IS 'A student''s wallet with each creator; their sum is the wallet.';

CREATE VIEW token_transactions WITH (security_invoker = true) AS
  SELECT creator_id, id, student_id, amount, kind AS type, reason AS source, metadata, created_at FROM transfers;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['accounts', 'transfers', 'entries', 'transfer_notes', 'earn_counts', 'issuance_periods',
                             'issuance_purses'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT ON %I TO chronos_app, chronos_backup', name);
  END LOOP;
  -- A person without a creator set: one's own wallet over all creators, to read.
  FOREACH name IN ARRAY ARRAY['accounts', 'transfers', 'entries', 'transfer_notes'] LOOP
    EXECUTE format('CREATE POLICY person ON %I FOR SELECT TO chronos_app
                    USING (student_id = current_student() AND current_creator() IS NULL)', name);
  END LOOP;
END $$;
GRANT SELECT ON token_wallets, token_transactions TO chronos_app, chronos_backup;
GRANT INSERT (creator_id, kind, student_id) ON accounts TO chronos_app;
GRANT UPDATE (status, balance, version, total_earned, total_spent, total_redeemed, total_reversed) ON accounts
  TO chronos_app;
GRANT INSERT (creator_id, key, request_hash, kind, reason, student_id, debit_id, credit_id, amount, parent_id, wallet_key,
              metadata) ON transfers TO chronos_app;
GRANT INSERT ON entries, transfer_notes TO chronos_app;
GRANT INSERT, UPDATE ON earn_counts, issuance_periods, issuance_purses TO chronos_app;
GRANT SELECT ON SEQUENCE accounts_id_seq, transfers_id_seq TO chronos_backup;

-- migrate:down
DROP VIEW token_transactions, token_wallets;
DROP FUNCTION end_holds, hold_wallet, reverse_award, award, draw_budget, return_unspent, transfer_once, account_of;
DROP FUNCTION is_kept(accounts);
DROP TABLE issuance_purses, issuance_periods, earn_counts, transfer_notes, entries, transfers, accounts CASCADE;
DROP FUNCTION post_transfer(), guard_transfer(), guard_account(), guard_entry(), refuse_change();
