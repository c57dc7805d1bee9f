LOCK TABLE transcriptions IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER transcriptions_searched ON transcriptions;
DROP TRIGGER transcriptions_searched_anew ON transcriptions;
DROP FUNCTION transcriptions_searched;
DROP INDEX transcriptions_found;
DROP TABLE text_searches;
DROP FUNCTION search_text;
DROP FUNCTION search_parts;
DROP FUNCTION search_pairs;
DROP FUNCTION search_pair;
ALTER FUNCTION search_vector RESET ALL;
ALTER TABLE transcriptions ADD COLUMN search tsvector NOT NULL
    GENERATED ALWAYS AS (search_vector(search_language(earlier, translate, language), text)) STORED;
ALTER TABLE transcriptions ALTER COLUMN search SET STORAGE EXTERNAL; -- lists read it of many rows
CREATE INDEX transcriptions_search ON transcriptions USING gin (search) WITH (fastupdate = off);
