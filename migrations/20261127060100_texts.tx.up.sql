-- Texts can be encrypted with the data key of their transcription. Then these columns have
-- them, and the others are empty.
ALTER TABLE data_keys ADD COLUMN texts boolean NOT NULL DEFAULT false;

ALTER TABLE transcriptions
    ADD COLUMN sealed_text bytea CHECK (sealed_text IS NULL OR text = '' AND speakers = '{}'),
    ADD COLUMN sealed_prompt bytea CHECK (sealed_prompt IS NULL OR prompt = '');
ALTER TABLE segments ADD COLUMN sealed bytea CHECK (sealed IS NULL OR text = '' AND speaker = '' AND words = '[]');
ALTER TABLE chunks ADD COLUMN sealed bytea CHECK (sealed IS NULL OR segments = '[]');
ALTER TABLE revisions ADD COLUMN sealed bytea CHECK (sealed IS NULL OR splices = '[]');
ALTER TABLE ranges ADD COLUMN sealed_prompt bytea CHECK (sealed_prompt IS NULL OR prompt = '');
