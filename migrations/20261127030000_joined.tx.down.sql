ALTER TABLE transcriptions DROP COLUMN joined;
