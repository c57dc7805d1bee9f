DROP INDEX files_name;
ALTER TABLE transcriptions DROP COLUMN speakers;
ALTER TABLE transcriptions DROP COLUMN search;
DROP FUNCTION search_vector;
DROP FUNCTION search_words;
DROP FUNCTION search_config;
ALTER TABLE segments ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('simple', text)) STORED;
CREATE INDEX segments_search ON segments USING gin (search);
