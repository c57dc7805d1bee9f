-- -1 goes before 0, which goes before 1.
ALTER TABLE transcriptions ADD COLUMN priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -1 AND 1);
ALTER TABLE steps ADD COLUMN priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -1 AND 1);
DROP INDEX steps_waiting;
CREATE INDEX steps_waiting ON steps (kind, priority, owner_id, model, worn, transcription_id, run, index) WHERE state = 'waiting';

-- What an owner has on its way is counted for each upload.
CREATE INDEX transcriptions_living ON transcriptions (owner_id, status) WHERE status NOT IN ('completed', 'failed', 'canceled');

INSERT INTO role_permissions (role, permission) VALUES ('admin', 'transcriptions:prioritize');
