-- Which exports have a transcription in them: what is deleted, or shared no more, goes out of
-- these at once. Without a list of what is new, which each look would have to go through.
CREATE INDEX exports_of ON exports USING gin (ids) WITH (fastupdate = off);
