-- What another run needs. earlier is the run whose text is still shown: who retries a
-- completed transcription keeps its text until there is another.
ALTER TABLE transcriptions ADD COLUMN earlier jsonb CHECK (jsonb_typeof(earlier) = 'object');
ALTER TABLE transcriptions ADD CONSTRAINT transcriptions_earlier_over_check CHECK (earlier IS NULL OR status <> 'completed');
ALTER TABLE transcriptions DROP CONSTRAINT transcriptions_check4;
ALTER TABLE transcriptions ADD CONSTRAINT transcriptions_coverage_check CHECK (coverage IS NULL OR status = 'completed' OR earlier IS NOT NULL);

-- How a chunk was cut, and how its result was made: what is the same can be used again.
ALTER TABLE chunks ADD COLUMN cut text NOT NULL DEFAULT '', ADD COLUMN made text NOT NULL DEFAULT '';
CREATE INDEX chunks_kept ON chunks (done_at) WHERE segments IS NOT NULL;

ALTER TABLE events DROP CONSTRAINT events_type_check;
ALTER TABLE events ADD CONSTRAINT events_type_check CHECK (type IN ('created', 'preparing', 'transcribing', 'merging', 'completed', 'failed',
    'canceled', 'retried', 'reused', 'step_failed', 'step_rescued', 'edited'));
