-- The SHA-256 of the file of the model that a chunk was decoded with; empty: it was before
-- that was kept, or it was not decoded.
ALTER TABLE chunks ADD COLUMN weights text NOT NULL DEFAULT '';
