DELETE FROM queue_pauses WHERE queue = 'deliver';
ALTER TABLE queue_pauses
    DROP CONSTRAINT queue_pauses_queue_check,
    ADD CONSTRAINT queue_pauses_queue_check CHECK (queue IN ('prepare', 'transcribe-gpu', 'transcribe-cpu', 'merge'));
DROP TABLE deliveries;
ALTER TABLE transcriptions DROP COLUMN webhook_url;
DROP TABLE webhooks;
DROP EXTENSION pgcrypto;
