DELETE FROM deliveries WHERE batch_id IS NOT NULL;
ALTER TABLE deliveries DROP COLUMN batch_id;
UPDATE webhooks SET events = array_remove(events, 'batch.completed') WHERE events <> '{batch.completed}';
UPDATE webhooks SET events = '{transcription.completed}', active = false, disabled = '' WHERE events = '{batch.completed}';
ALTER TABLE transcriptions DROP CONSTRAINT transcriptions_batch, DROP COLUMN batch_id;
DROP TABLE batches;
