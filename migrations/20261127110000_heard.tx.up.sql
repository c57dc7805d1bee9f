-- How much of a chunk was heard by the attempt that is at it.
ALTER TABLE steps ADD COLUMN heard_samples bigint NOT NULL DEFAULT 0 CHECK (heard_samples >= 0);
