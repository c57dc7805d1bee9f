-- Parts of recordings that are transcribed again. A range is a run of its own, with steps,
-- chunks and an account in usage, whose number there is below zero: -number.
CREATE TABLE ranges (
    transcription_id    uuid NOT NULL REFERENCES transcriptions ON DELETE CASCADE,
    number              int NOT NULL CHECK (number > 0),
    status              text NOT NULL CHECK (status IN ('queued', 'preparing', 'transcribing', 'merging', 'completed', 'failed', 'canceled')),
    start_ms            bigint NOT NULL CHECK (start_ms >= 0),
    end_ms              bigint NOT NULL,
    after               int NOT NULL CHECK (after >= 0),

    -- asked for
    asked_model         text NOT NULL DEFAULT '',
    asked_language      text NOT NULL DEFAULT '',
    prompt              text NOT NULL DEFAULT '',
    translate           boolean NOT NULL DEFAULT false,
    split               boolean NOT NULL DEFAULT false,
    priority            smallint NOT NULL,

    -- found out
    model               text NOT NULL DEFAULT '',
    language            text NOT NULL DEFAULT '',
    language_confidence double precision NOT NULL DEFAULT 0 CHECK (language_confidence BETWEEN 0 AND 1),
    cut_samples         bigint NOT NULL DEFAULT 0 CHECK (cut_samples >= 0),
    done_samples        bigint NOT NULL DEFAULT 0 CHECK (done_samples BETWEEN 0 AND cut_samples),
    progress            double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),

    -- the outcome
    revision            int NOT NULL DEFAULT 0 CHECK (revision >= 0),
    kept                boolean NOT NULL DEFAULT false,
    failure_code        text NOT NULL DEFAULT '',
    failure_message     text NOT NULL DEFAULT '',

    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    completed_at        timestamptz,
    PRIMARY KEY (transcription_id, number),
    CHECK (end_ms > start_ms),
    CHECK ((status = 'failed') = (failure_code <> '')),
    CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CHECK ((status = 'completed') = (progress = 1))
);
CREATE INDEX ranges_transcribing ON ranges (updated_at) WHERE status = 'transcribing';

ALTER TABLE steps DROP CONSTRAINT steps_run_check, ADD CONSTRAINT steps_run_check CHECK (run <> 0);
ALTER TABLE chunks DROP CONSTRAINT chunks_run_check, ADD CONSTRAINT chunks_run_check CHECK (run <> 0);
ALTER TABLE usage DROP CONSTRAINT usage_run_check, ADD CONSTRAINT usage_run_check CHECK (run <> 0);

ALTER TABLE revisions DROP CONSTRAINT revisions_kind_check;
ALTER TABLE revisions ADD CONSTRAINT revisions_kind_check CHECK (kind IN ('machine', 'edit', 'restore', 'kept', 'range'));

-- Whatever steps can be of: the present run of each transcription, and its ranges.
CREATE VIEW runs AS
    SELECT id, run, status, updated_at FROM transcriptions
    UNION ALL SELECT transcription_id, -number, status, updated_at FROM ranges;
