ALTER TABLE workers DROP COLUMN spare;
DROP INDEX steps_waiting;
DROP INDEX steps_served;
ALTER TABLE steps DROP COLUMN worn, DROP COLUMN lane, DROP COLUMN model;
CREATE INDEX steps_waiting ON steps (kind, owner_id, transcription_id, run, index) WHERE state = 'waiting';
CREATE INDEX steps_served ON steps (kind, owner_id, dispatched_at) WHERE dispatched_at IS NOT NULL;
