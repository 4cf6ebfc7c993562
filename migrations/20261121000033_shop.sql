-- migrate:up

-- Which roles of a platform students are to have, and why: a role stays while any source wants it.
CREATE TABLE wanted_roles (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  community_id bigint NOT NULL,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  role text NOT NULL,
  source text NOT NULL,
  until timestamptz,
  status text NOT NULL DEFAULT 'asked' CHECK (status IN ('asked', 'given', 'failed')),
  failure text NOT NULL DEFAULT '',
  PRIMARY KEY (creator_id, student_id, source, community_id, role),
  FOREIGN KEY (creator_id, community_id) REFERENCES communities (creator_id, id) ON DELETE CASCADE
);
CREATE INDEX wanted_roles_of_student ON wanted_roles (student_id);
CREATE INDEX wanted_roles_until ON wanted_roles (creator_id, until) WHERE until IS NOT NULL;
COMMENT ON COLUMN wanted_roles.source IS 'Who wants it: a purchase (shop:17), a membership (tier:gold).';

-- What the process that holds the platform's connection has to make true: the newest version, as in the outbox.
CREATE TABLE role_changes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  community_id bigint NOT NULL REFERENCES communities ON DELETE CASCADE,
  student_id bigint REFERENCES students ON DELETE SET NULL,
  accounts text[],
  role text NOT NULL,
  wanted boolean NOT NULL,
  version integer NOT NULL DEFAULT 1,
  applied_version integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  leased_until timestamptz NOT NULL DEFAULT '-infinity',
  failure text NOT NULL DEFAULT '',
  told_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (community_id, student_id, role)
);
CREATE INDEX role_changes_due ON role_changes (next_attempt_at) WHERE applied_version < version;
CREATE INDEX role_changes_of_student ON role_changes (student_id);
CREATE INDEX role_changes_of_creator ON role_changes (creator_id);
COMMENT ON COLUMN role_changes.accounts IS 'Of somebody who was erased: whose role is still to be taken.';
COMMENT ON COLUMN role_changes.told_at IS 'When the staff was told of this failure.';
COMMENT ON COLUMN role_changes.leased_until IS
  'While a process may be in the middle of a call nobody begins a newer one, which an older could undo.';

ALTER TABLE wanted_roles ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY creator ON wanted_roles TO chronos_app
  USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator());
CREATE POLICY person ON wanted_roles FOR SELECT TO chronos_app
  USING (student_id = current_student() AND current_creator() IS NULL);
CREATE POLICY backup ON wanted_roles FOR SELECT TO chronos_backup USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (until, status, failure) ON wanted_roles TO chronos_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON role_changes TO chronos_system;
GRANT SELECT ON wanted_roles, role_changes TO chronos_backup;
GRANT SELECT ON SEQUENCE role_changes_id_seq TO chronos_backup;

CREATE TABLE shop_items (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  kind text NOT NULL CHECK (kind IN ('role', 'questions', 'tier', 'freeze', 'place', 'custom')),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  description text NOT NULL DEFAULT '',
  price bigint NOT NULL CHECK (price BETWEEN 1 AND 1000000),
  community_id bigint,
  role text NOT NULL DEFAULT '',
  tier text NOT NULL DEFAULT '',
  days integer CHECK (days BETWEEN 1 AND 3650),
  questions integer CHECK (questions BETWEEN 1 AND 10000),
  starts_at timestamptz,
  stock integer CHECK (stock >= 0),
  per_student integer CHECK (per_student >= 1),
  sale_ends_at timestamptz,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'hidden', 'deleted')),
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, community_id) REFERENCES communities (creator_id, id)
);
COMMENT ON COLUMN shop_items.stock IS 'How many can still be bought, of a session its free places; empty: any number.';
COMMENT ON COLUMN shop_items.version IS 'Counts changes of what is sold: a button that showed another one buys nothing.';

-- What was bought, as it was then: a later change of the item is for later buyers.
CREATE TABLE purchases (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 100),
  item_id bigint NOT NULL,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  kind text NOT NULL,
  name text NOT NULL,
  price bigint NOT NULL CHECK (price > 0),
  community_id bigint,
  role text NOT NULL,
  tier text NOT NULL,
  days integer,
  questions integer,
  state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'fulfilled', 'failed', 'refunded')),
  failure text NOT NULL DEFAULT '',
  bought_at timestamptz NOT NULL,
  asked_at timestamptz,
  fulfilled_at timestamptz,
  until timestamptz,
  warned_at timestamptz,
  ended_at timestamptz,
  PRIMARY KEY (creator_id, id),
  UNIQUE (creator_id, key),
  FOREIGN KEY (creator_id, item_id) REFERENCES shop_items (creator_id, id)
);
CREATE INDEX purchases_of_student ON purchases (student_id, creator_id, id DESC);
CREATE INDEX purchases_of_item ON purchases (creator_id, item_id, id DESC);
CREATE INDEX purchases_held ON purchases (creator_id) WHERE state = 'held';
CREATE INDEX purchases_until ON purchases (creator_id, until) WHERE state = 'fulfilled' AND ended_at IS NULL;
COMMENT ON COLUMN purchases.state IS
  'The CHRONOS are held, spent, given back before or after they were spent: each change with that of the ledger.';
COMMENT ON COLUMN purchases.asked_at IS 'When the staff was asked to do it by hand.';

-- Who may be answered from which tier for a time; asked before any creator is known, like enrolments.
CREATE TABLE bought_tiers (
  creator_id bigint NOT NULL REFERENCES creators ON DELETE CASCADE,
  student_id bigint NOT NULL REFERENCES students ON DELETE CASCADE,
  purchase_id bigint NOT NULL,
  tier text NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (creator_id, student_id, purchase_id)
);
CREATE INDEX bought_tiers_of_student ON bought_tiers (student_id);

-- Give back what was spent under a key, to whom it was taken from, once.
CREATE FUNCTION refund_spent(p_student bigint, p_key text, p_reason text, p_metadata jsonb, OUT replayed boolean)
LANGUAGE plpgsql AS $$
DECLARE
  spends transfers[];
  spent transfers;
  done record;
BEGIN
  IF p_student IS DISTINCT FROM current_student() THEN
    RAISE EXCEPTION 'another student''s wallet' USING errcode = '42501';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('wallet', p_student));
  spends := ARRAY(SELECT t FROM transfers t WHERE student_id = p_student AND wallet_key = p_key AND kind = 'spend'
                   ORDER BY creator_id);
  FOREACH spent IN ARRAY spends LOOP
    PERFORM set_config('app.creator_id', spent.creator_id::text, true);
    done := transfer_once(spent.creator_id, p_key || ':refund', 'reverse', p_reason, p_student, spent.credit_id,
                          account_of(spent.creator_id, 'member', p_student), spent.amount, spent.id, p_key, p_metadata);
    replayed := coalesce(replayed, true) AND done.replayed;
  END LOOP;
  PERFORM set_config('app.creator_id', '', true);
  IF replayed IS NULL THEN
    RAISE EXCEPTION 'nothing was spent under %', p_key USING errcode = 'CH404';
  END IF;
END $$;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['shop_items', 'purchases'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY creator ON %I TO chronos_app
                    USING (creator_id = current_creator()) WITH CHECK (creator_id = current_creator())', name);
    EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO chronos_backup USING (true)', name);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO chronos_app', name);
  END LOOP;
END $$;
CREATE POLICY person ON purchases FOR SELECT TO chronos_app
  USING (student_id = current_student() AND current_creator() IS NULL);
GRANT UPDATE (name, description, price, community_id, role, tier, days, questions, starts_at, stock, per_student,
              sale_ends_at, state, version) ON shop_items TO chronos_app;
GRANT UPDATE (state, failure, asked_at, fulfilled_at, until, warned_at, ended_at) ON purchases TO chronos_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON bought_tiers TO chronos_system;
GRANT SELECT ON shop_items, purchases, bought_tiers TO chronos_backup;
GRANT SELECT ON SEQUENCE shop_items_id_seq, purchases_id_seq TO chronos_backup;

-- migrate:down
DROP FUNCTION refund_spent;
DROP TABLE bought_tiers, purchases, shop_items, role_changes, wanted_roles;
