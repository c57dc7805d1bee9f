ALTER TABLE transcriptions DROP COLUMN archived_at;
ALTER TABLE transcriptions DROP COLUMN tags;
ALTER TABLE transcriptions DROP COLUMN folder_id;
DROP TABLE folders;
