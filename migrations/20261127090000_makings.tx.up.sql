-- What each run has made of a recording, beside its text: a text that stays although
-- another run has completed, or that comes back, goes with what is known of its own run.
CREATE TABLE makings (
    transcription_id    uuid NOT NULL REFERENCES transcriptions ON DELETE CASCADE,
    run                 int NOT NULL CHECK (run > 0),
    model               text NOT NULL,
    language            text NOT NULL,
    language_confidence double precision NOT NULL CHECK (language_confidence BETWEEN 0 AND 1),
    translate           boolean NOT NULL,
    warnings            jsonb NOT NULL CHECK (jsonb_typeof(warnings) = 'array'),
    coverage            jsonb CHECK (jsonb_typeof(coverage) = 'object'),
    plan                jsonb CHECK (jsonb_typeof(plan) = 'array'), -- null: that of the chunks, which are all there
    completed_at        timestamptz NOT NULL,
    PRIMARY KEY (transcription_id, run)
);

INSERT INTO makings (transcription_id, run, model, language, language_confidence, translate, warnings, coverage, completed_at)
    SELECT id, run, model, language, language_confidence, translate, warnings, coverage, completed_at FROM transcriptions WHERE status = 'completed';
INSERT INTO makings (transcription_id, run, model, language, language_confidence, translate, warnings, coverage, completed_at)
    SELECT id, (earlier->>'run')::int, earlier->>'model', earlier->>'language', (earlier->>'languageConfidence')::double precision, translate, warnings, coverage,
        (earlier->>'completedAt')::timestamptz
    FROM transcriptions WHERE earlier IS NOT NULL;

-- A text of an earlier run may stay when another has completed.
ALTER TABLE transcriptions DROP CONSTRAINT transcriptions_earlier_over_check;

-- A text is found in its own language, whatever the present run is to do.
CREATE FUNCTION search_language(earlier jsonb, translate boolean, language text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN coalesce((earlier->>'translate')::boolean, translate) THEN 'en' ELSE coalesce(earlier->>'language', language) END
$$;
DROP INDEX transcriptions_search;
ALTER TABLE transcriptions DROP COLUMN search;
ALTER TABLE transcriptions ADD COLUMN search tsvector NOT NULL
    GENERATED ALWAYS AS (search_vector(search_language(earlier, translate, language), text)) STORED;
ALTER TABLE transcriptions ALTER COLUMN search SET STORAGE EXTERNAL; -- lists read it of many rows
CREATE INDEX transcriptions_search ON transcriptions USING gin (search);
