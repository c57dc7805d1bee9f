CREATE INDEX transcriptions_tags ON transcriptions USING gin (tags) WHERE tags <> '{}';
DROP INDEX transcriptions_tagged;
DROP FUNCTION lower_all;
