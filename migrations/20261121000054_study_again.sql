-- migrate:up

-- The quiz in which a draft stands; where it is gone, the draft waits again.
ALTER TABLE study_points ADD COLUMN quiz_id bigint;
ALTER TABLE study_points NO FORCE ROW LEVEL SECURITY;
ALTER TABLE study_guides NO FORCE ROW LEVEL SECURITY;
UPDATE study_points p SET quiz_id = coalesce(g.quiz_id, 0) FROM study_guides g
 WHERE p.used AND g.creator_id = p.creator_id AND g.source_id = p.source_id;
ALTER TABLE study_points FORCE ROW LEVEL SECURITY;
ALTER TABLE study_guides FORCE ROW LEVEL SECURITY;
ALTER TABLE study_points DROP COLUMN used;

-- migrate:down
ALTER TABLE study_points ADD COLUMN used boolean NOT NULL DEFAULT false;
ALTER TABLE study_points NO FORCE ROW LEVEL SECURITY;
UPDATE study_points SET used = true WHERE quiz_id IS NOT NULL;
ALTER TABLE study_points FORCE ROW LEVEL SECURITY;
ALTER TABLE study_points DROP COLUMN quiz_id;
