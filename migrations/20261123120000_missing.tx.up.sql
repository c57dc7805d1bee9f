-- How much of the sound that a recording's file promises was not in it.
ALTER TABLE transcriptions ADD COLUMN missing_samples bigint NOT NULL DEFAULT 0 CHECK (missing_samples >= 0);
