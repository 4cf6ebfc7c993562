-- migrate:up

-- IS NOT DISTINCT FROM uses no index: every award read all of a creator's accounts.
CREATE OR REPLACE FUNCTION account_of(p_creator bigint, p_kind text, p_student bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  found bigint;
BEGIN
  IF (p_student IS NULL) <> (p_kind IN ('issuance', 'spent', 'redeemed')) THEN
    RAISE EXCEPTION 'whose account is it?' USING errcode = 'CH422';
  END IF;
  LOOP
    IF p_student IS NULL THEN
      SELECT id INTO found FROM accounts
       WHERE creator_id = p_creator AND kind = p_kind AND kind IN ('issuance', 'spent', 'redeemed');
    ELSE
      SELECT id INTO found FROM accounts
       WHERE student_id = p_student AND creator_id = p_creator AND kind = p_kind;
    END IF;
    EXIT WHEN found IS NOT NULL;
    INSERT INTO accounts (creator_id, kind, student_id) VALUES (p_creator, p_kind, p_student) ON CONFLICT DO NOTHING;
  END LOOP;
  RETURN found;
END $$;

-- So that a student's movements are counted without reading them.
DROP INDEX transfers_of_student;
CREATE INDEX transfers_of_student ON transfers (student_id, created_at DESC, id DESC) INCLUDE (creator_id, kind);

-- migrate:down
CREATE OR REPLACE FUNCTION account_of(p_creator bigint, p_kind text, p_student bigint) RETURNS bigint LANGUAGE plpgsql AS $$
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
DROP INDEX transfers_of_student;
CREATE INDEX transfers_of_student ON transfers (student_id, created_at DESC, id DESC);
