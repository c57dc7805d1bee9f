DROP INDEX transcriptions_search;
ALTER TABLE transcriptions DROP COLUMN search;
ALTER TABLE transcriptions ADD COLUMN search tsvector NOT NULL
    GENERATED ALWAYS AS (search_vector(CASE WHEN translate THEN 'en' ELSE language END, text)) STORED;
ALTER TABLE transcriptions ALTER COLUMN search SET STORAGE EXTERNAL; -- lists read it of many rows
CREATE INDEX transcriptions_search ON transcriptions USING gin (search);
DROP FUNCTION search_language(jsonb, boolean, text);

UPDATE transcriptions SET earlier = NULL WHERE status = 'completed';
ALTER TABLE transcriptions ADD CONSTRAINT transcriptions_earlier_over_check CHECK (earlier IS NULL OR status <> 'completed');

DROP TABLE makings;
