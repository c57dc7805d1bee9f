-- The data key of a transcription whose objects are encrypted, itself encrypted with a key
-- that is not in the database. It goes with the transcription, and nobody can read its
-- objects from then on, nor a copy of them.
CREATE TABLE data_keys (
    transcription_id uuid PRIMARY KEY REFERENCES transcriptions ON DELETE CASCADE,
    sealed           bytea NOT NULL CHECK (octet_length(sealed) = 60),
    sealed_by        text NOT NULL CHECK (sealed_by <> '')
);
CREATE INDEX data_keys_sealed_by ON data_keys (sealed_by, transcription_id);
