-- What a text is searched by has a table of its own: as columns of its transcription it was
-- made anew, and went into the index anew, with every change of that, and a dump could not be
-- restored, since the functions it is made with are looked for in no schema then.
LOCK TABLE transcriptions IN ACCESS EXCLUSIVE MODE; -- a lock that grows is a deadlock with whoever has a row and waits to write it
ALTER FUNCTION search_vector SET search_path FROM CURRENT;

-- Hashes of two words that follow each other are what a phrase is looked for by: an index over
-- words does not know where they are.
CREATE FUNCTION search_pair(a text, b text) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT hashtext(a || ' ' || b) $$;

CREATE FUNCTION search_pairs(vectors tsvector[]) RETURNS int[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT search_pair(before, lexeme)), '{}') FROM (
        SELECT lexeme, lag(lexeme) OVER (PARTITION BY n ORDER BY position) AS before
        FROM unnest(vectors) WITH ORDINALITY AS v (vector, n), unnest(vector) AS l (lexeme, positions, weights), unnest(positions) AS position
    ) AS words WHERE before IS NOT NULL
$$;

-- A tsvector keeps the first 255 places of a word and 16,383 in all. A longer text is cut into
-- parts of 240 words, of which one keeps all, unless what is between two spaces is many words.
-- Each begins with the last 40 of the one before, since signs between words, and words that
-- are left out as very common, count here.
CREATE FUNCTION search_parts(language text, t text) RETURNS tsvector[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(vector) FROM (
        SELECT to_tsvector(search_config(language), string_agg(word, ' ' ORDER BY n)) AS vector
        FROM regexp_split_to_table(search_words(t), E'[\\s\u00a0\u202f\u3000]+') WITH ORDINALITY AS w (word, n), generate_series((n - 40) / 200, n / 200) AS part
        GROUP BY part
    ) AS parts
$$;

-- whole is whether the words are with all their places.
CREATE FUNCTION search_text(language text, t text, OUT words tsvector, OUT pairs int[], OUT whole boolean) LANGUAGE plpgsql IMMUTABLE
    SET search_path FROM CURRENT SET jit = off AS $$
BEGIN
    words := to_tsvector(search_config(language), search_words(t));
    whole := NOT EXISTS (SELECT FROM unnest(words) AS l (lexeme, positions, weights) WHERE cardinality(positions) >= 255 OR positions[cardinality(positions)] >= 16383);
    pairs := search_pairs(CASE WHEN whole THEN ARRAY[words] ELSE search_parts(language, t) END);
EXCEPTION WHEN program_limit_exceeded THEN -- it has more different words than a tsvector holds
    words := search_vector(language, t);
    whole := false;
    BEGIN
        pairs := search_pairs(search_parts(language, t));
    EXCEPTION WHEN program_limit_exceeded THEN -- so has a part of it
        pairs := search_pairs(ARRAY[words]);
    END;
END $$;

CREATE TABLE text_searches (
    transcription_id uuid PRIMARY KEY REFERENCES transcriptions ON DELETE CASCADE,
    words            tsvector NOT NULL,
    pairs            int[] NOT NULL,
    whole            boolean NOT NULL
);
-- Many rows are read to walk through the newest, and hashes do not get smaller.
ALTER TABLE text_searches ALTER COLUMN words SET STORAGE EXTERNAL, ALTER COLUMN pairs SET STORAGE EXTERNAL;

INSERT INTO text_searches SELECT id, s.* FROM transcriptions AS t, search_text(search_language(t.earlier, t.translate, t.language), t.text) AS s WHERE t.text <> '';

-- New words go into the indexes at once: a list of those that wait is read by every search.
CREATE INDEX text_searches_words ON text_searches USING gin (words) WITH (fastupdate = off);
CREATE INDEX text_searches_pairs ON text_searches USING gin (pairs) WITH (fastupdate = off);

-- Whose they are, and where in a list, is asked of all that the indexes find.
CREATE INDEX transcriptions_found ON transcriptions (id) INCLUDE (owner_id, created_at);

DROP INDEX transcriptions_search;
ALTER TABLE transcriptions DROP COLUMN search;

CREATE FUNCTION transcriptions_searched() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.text = '' THEN
        DELETE FROM text_searches WHERE transcription_id = NEW.id;
        RETURN NULL;
    END IF;
    INSERT INTO text_searches SELECT NEW.id, s.* FROM search_text(search_language(NEW.earlier, NEW.translate, NEW.language), NEW.text) AS s
        ON CONFLICT (transcription_id) DO UPDATE SET words = excluded.words, pairs = excluded.pairs, whole = excluded.whole;
    RETURN NULL;
END $$;
CREATE TRIGGER transcriptions_searched AFTER INSERT ON transcriptions FOR EACH ROW WHEN (NEW.text <> '') EXECUTE FUNCTION transcriptions_searched();
CREATE TRIGGER transcriptions_searched_anew AFTER UPDATE ON transcriptions FOR EACH ROW
    WHEN (NEW.text <> OLD.text OR NEW.text <> '' AND
        search_language(NEW.earlier, NEW.translate, NEW.language) IS DISTINCT FROM search_language(OLD.earlier, OLD.translate, OLD.language))
    EXECUTE FUNCTION transcriptions_searched();
