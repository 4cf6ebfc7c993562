-- migrate:up

ALTER TABLE announcements
  ADD COLUMN subject text NOT NULL DEFAULT 'lessons' CHECK (subject IN ('lessons', 'staff')),
  DROP CONSTRAINT announcements_pkey,
  ADD PRIMARY KEY (creator_id, community_id, subject);
ALTER TABLE announcements ALTER COLUMN subject DROP DEFAULT;
COMMENT ON TABLE announcements IS 'Where in a community something is told: new sources, what concerns the staff; no row: nowhere.';

-- migrate:down
DELETE FROM announcements WHERE subject <> 'lessons';
ALTER TABLE announcements DROP CONSTRAINT announcements_pkey, ADD PRIMARY KEY (creator_id, community_id), DROP COLUMN subject;
