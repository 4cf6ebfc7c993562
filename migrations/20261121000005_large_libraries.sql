-- migrate:up

-- Under row-level security no index on overlap can be used, because the operator is not leakproof, and every upload
-- would pay for keeping one: a creator's passages are found by their key and filtered.
DROP INDEX passages_terms;

COMMENT ON COLUMN passages.terms IS
  'Ids of the stemmed content words, ascending and with repetitions, so that BM25 can be worked out in SQL.';

-- migrate:down
CREATE INDEX passages_terms ON passages USING gin (terms);
COMMENT ON COLUMN passages.terms IS NULL;
