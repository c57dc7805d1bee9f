ALTER TABLE chunks DROP COLUMN channel;
ALTER TABLE transcriptions DROP COLUMN split;
