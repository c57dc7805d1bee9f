ALTER TABLE events DROP CONSTRAINT events_type_check;
ALTER TABLE events ADD CONSTRAINT events_type_check CHECK (type IN ('created', 'preparing', 'transcribing', 'merging', 'completed', 'failed',
    'canceled', 'retried', 'reused', 'step_failed', 'step_rescued', 'edited')) NOT VALID;
DROP FUNCTION retention_of;
DROP INDEX transcriptions_completed;
ALTER TABLE transcriptions DROP COLUMN legal_hold;
ALTER TABLE folders DROP COLUMN legal_hold;
ALTER TABLE folders DROP COLUMN days;
ALTER TABLE folders DROP COLUMN media_days;
DROP TABLE retention;
