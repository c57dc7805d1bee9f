-- Tags are looked for whatever their capitals, which the index that was here before did not know.
CREATE FUNCTION lower_all(list text[]) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(lower(element)), '{}') FROM unnest(list) AS element
$$;
CREATE INDEX transcriptions_tagged ON transcriptions USING gin (lower_all(tags)) WITH (fastupdate = off) WHERE tags <> '{}';
DROP INDEX transcriptions_tags;
