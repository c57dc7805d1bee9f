-- Texts are found by one index over transcriptions, in the language of each. That over
-- segments cost every result ten times as much, and knew no language.
DROP INDEX segments_search;
ALTER TABLE segments DROP COLUMN search;

CREATE FUNCTION search_config(language text) RETURNS regconfig LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE language
        WHEN 'ar' THEN 'arabic'::regconfig WHEN 'hy' THEN 'armenian' WHEN 'eu' THEN 'basque' WHEN 'ca' THEN 'catalan' WHEN 'da' THEN 'danish'
        WHEN 'nl' THEN 'dutch' WHEN 'en' THEN 'english' WHEN 'fi' THEN 'finnish' WHEN 'fr' THEN 'french' WHEN 'de' THEN 'german' WHEN 'el' THEN 'greek'
        WHEN 'hi' THEN 'hindi' WHEN 'hu' THEN 'hungarian' WHEN 'id' THEN 'indonesian' WHEN 'it' THEN 'italian' WHEN 'lt' THEN 'lithuanian'
        WHEN 'ne' THEN 'nepali' WHEN 'no' THEN 'norwegian' WHEN 'nn' THEN 'norwegian' WHEN 'pt' THEN 'portuguese' WHEN 'ro' THEN 'romanian'
        WHEN 'ru' THEN 'russian' WHEN 'sr' THEN 'serbian' WHEN 'es' THEN 'spanish' WHEN 'sv' THEN 'swedish' WHEN 'ta' THEN 'tamil'
        WHEN 'tr' THEN 'turkish' WHEN 'yi' THEN 'yiddish' ELSE 'simple' END
$$;

-- Scripts without spaces are searched sign by sign.
CREATE FUNCTION search_words(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN t ~ '[぀-ヿ㐀-鿿豈-﫿฀-໿ក-៿က-႟]' THEN regexp_replace(t, '([぀-ヿ㐀-鿿豈-﫿฀-໿ក-៿က-႟])', ' \1 ', 'g') ELSE t END
$$;

-- A text with more different words than an index can hold is found by its beginning.
CREATE FUNCTION search_vector(language text, t text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN to_tsvector(search_config(language), search_words(t));
EXCEPTION WHEN program_limit_exceeded THEN
    RETURN to_tsvector(search_config(language), search_words(left(t, 200000)));
END $$;

ALTER TABLE transcriptions ADD COLUMN search tsvector NOT NULL
    GENERATED ALWAYS AS (search_vector(CASE WHEN translate THEN 'en' ELSE language END, text)) STORED;
ALTER TABLE transcriptions ALTER COLUMN search SET STORAGE EXTERNAL; -- lists read it of many rows
CREATE INDEX transcriptions_search ON transcriptions USING gin (search);

-- Names of speakers, for lists that are narrowed to one.
ALTER TABLE transcriptions ADD COLUMN speakers text[] NOT NULL DEFAULT '{}';
UPDATE transcriptions AS t SET speakers = s.names
    FROM (SELECT transcription_id, array_agg(DISTINCT speaker) AS names FROM segments WHERE speaker <> '' GROUP BY transcription_id) AS s
    WHERE s.transcription_id = t.id;
CREATE INDEX transcriptions_speakers ON transcriptions USING gin (speakers);

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX files_name ON files USING gin (name gin_trgm_ops);
