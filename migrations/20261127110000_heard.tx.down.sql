ALTER TABLE steps DROP COLUMN heard_samples;
