ALTER TABLE events DROP CONSTRAINT events_type_check;
ALTER TABLE events ADD CONSTRAINT events_type_check CHECK (type IN ('created', 'preparing', 'transcribing', 'merging', 'completed', 'failed', 'canceled',
    'retried', 'step_failed', 'step_rescued', 'edited')) NOT VALID;
DROP INDEX chunks_kept;
ALTER TABLE chunks DROP COLUMN cut, DROP COLUMN made;
UPDATE transcriptions SET coverage = NULL WHERE status <> 'completed';
ALTER TABLE transcriptions DROP COLUMN earlier;
ALTER TABLE transcriptions ADD CONSTRAINT transcriptions_check4 CHECK (coverage IS NULL OR status = 'completed');
