-- What an administrator has given an account; null: what everybody has, 0: no bound.
ALTER TABLE users
    ADD COLUMN quota_bytes bigint CHECK (quota_bytes >= 0),
    ADD COLUMN quota_minutes bigint CHECK (quota_minutes >= 0),
    ADD COLUMN quota_active bigint CHECK (quota_active >= 0);

-- A recording that was of no use is not stored any more, while its row tells why.
ALTER TABLE files ADD COLUMN gone boolean NOT NULL DEFAULT false;
UPDATE files SET gone = true FROM transcriptions AS t
WHERE t.file_id = files.id AND t.status = 'failed' AND t.earlier IS NULL
    AND t.failure_code IN ('unreadable_media', 'no_audio', 'too_long', 'unsupported_media', 'empty_file');
CREATE INDEX files_stored ON files (owner_id) INCLUDE (size) WHERE NOT gone;

-- What each run takes of its owner's month: nothing until the length is known, that
-- length while it is on its way, and what was done of it when it has ended. Rows outlive
-- their transcription: deleting one gives no minutes back.
CREATE TABLE usage (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    transcription_id uuid REFERENCES transcriptions ON DELETE SET NULL,
    run              int NOT NULL CHECK (run > 0),
    month            date NOT NULL CHECK (extract(day FROM month) = 1),
    samples          bigint NOT NULL CHECK (samples >= 0),
    settled          boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX usage_run ON usage (transcription_id, run);
CREATE INDEX usage_month ON usage (owner_id, month) INCLUDE (samples);

INSERT INTO usage (owner_id, transcription_id, run, month, samples, settled)
SELECT owner_id, id, run, date_trunc('month', created_at AT TIME ZONE 'UTC')::date,
    CASE status WHEN 'failed' THEN 0 WHEN 'canceled' THEN least(done_samples, duration_samples) ELSE duration_samples END,
    status IN ('completed', 'failed', 'canceled')
FROM transcriptions;
