ALTER TABLE transcriptions DROP COLUMN edited;
DROP TABLE revisions;
