ALTER TABLE transcriptions DROP COLUMN missing_samples;
