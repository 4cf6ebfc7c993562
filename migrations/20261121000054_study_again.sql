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

-- A form that no model could fill is tried a second time, and then its part of the lesson stays as it was picked.
ALTER TABLE study_forms ALTER COLUMN content DROP NOT NULL, ALTER COLUMN model SET DEFAULT '',
  ADD COLUMN tries integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN study_forms.content IS 'Empty: no model could fill it, so many tries long.';
GRANT UPDATE ON study_forms TO chronos_app;

ALTER TABLE study_guides
  ADD COLUMN skipped integer NOT NULL DEFAULT 0,
  ADD COLUMN picked boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN study_guides.skipped IS 'Forms that no model could fill: there stands what was picked from the words.';
COMMENT ON COLUMN study_guides.picked IS 'What can be picked from the words is shown; what is due is to have it worded.';

-- migrate:down
ALTER TABLE study_guides DROP COLUMN picked, DROP COLUMN skipped;
REVOKE UPDATE ON study_forms FROM chronos_app;
ALTER TABLE study_forms NO FORCE ROW LEVEL SECURITY;
DELETE FROM study_forms WHERE content IS NULL;
ALTER TABLE study_forms FORCE ROW LEVEL SECURITY;
ALTER TABLE study_forms DROP COLUMN tries, ALTER COLUMN model DROP DEFAULT, ALTER COLUMN content SET NOT NULL;
ALTER TABLE study_points ADD COLUMN used boolean NOT NULL DEFAULT false;
ALTER TABLE study_points NO FORCE ROW LEVEL SECURITY;
UPDATE study_points SET used = true WHERE quiz_id IS NOT NULL;
ALTER TABLE study_points FORCE ROW LEVEL SECURITY;
ALTER TABLE study_points DROP COLUMN quiz_id;
