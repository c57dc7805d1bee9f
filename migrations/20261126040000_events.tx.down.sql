ALTER TABLE steps DROP CONSTRAINT steps_failed_check;
DROP TRIGGER transcriptions_move ON transcriptions;
DROP FUNCTION transcriptions_move;
DROP TABLE events;
DROP FUNCTION events_stay;
