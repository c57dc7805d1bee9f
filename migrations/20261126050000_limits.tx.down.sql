DELETE FROM role_permissions WHERE permission = 'transcriptions:prioritize';
DROP INDEX transcriptions_living;
DROP INDEX steps_waiting;
CREATE INDEX steps_waiting ON steps (kind, owner_id, model, worn, transcription_id, run, index) WHERE state = 'waiting';
ALTER TABLE steps DROP COLUMN priority;
ALTER TABLE transcriptions DROP COLUMN priority;
