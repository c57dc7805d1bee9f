ALTER TABLE transcriptions DROP COLUMN peaks_key;
