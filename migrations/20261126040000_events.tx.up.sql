-- What has happened to a transcription, one row for each thing. Rows of one are in
-- the order of their ids: they are written by who holds the lock of its row.
CREATE TABLE events (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transcription_id uuid NOT NULL REFERENCES transcriptions ON DELETE CASCADE,
    run              int NOT NULL CHECK (run > 0),
    at               timestamptz NOT NULL DEFAULT clock_timestamp(),
    type             text NOT NULL CHECK (type IN ('created', 'preparing', 'transcribing', 'merging', 'completed', 'failed', 'canceled',
                                                   'retried', 'step_failed', 'step_rescued', 'edited')),
    actor            text NOT NULL CHECK (actor IN ('user', 'worker', 'scheduler', 'api')),
    who              text NOT NULL DEFAULT '',
    details          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object')
);
CREATE INDEX events_transcription ON events (transcription_id, id);

-- What is known of those that were there before.
INSERT INTO events (transcription_id, run, at, type, actor, who)
SELECT id, 1, created_at, 'created', 'user', owner_id::text FROM transcriptions ORDER BY created_at, id;
INSERT INTO events (transcription_id, run, at, type, actor, details)
SELECT id, run, coalesce(completed_at, updated_at), status, CASE status WHEN 'canceled' THEN 'user' ELSE 'worker' END,
    CASE status WHEN 'failed' THEN jsonb_build_object('code', failure_code) ELSE '{}' END
FROM transcriptions WHERE status IN ('completed', 'failed', 'canceled') ORDER BY updated_at, id;

-- An event stays as it was written, for as long as its transcription is there.
CREATE FUNCTION events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM transcriptions WHERE id = OLD.transcription_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'events are only added' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER events_stay BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION events_stay();

-- The state machine: within a run the status goes forward, and out of what has ended
-- leads only the next run.
CREATE FUNCTION transcriptions_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.run = OLD.run AND (NEW.status = OLD.status OR CASE NEW.status
        WHEN 'queued' THEN OLD.status = 'uploading'
        WHEN 'preparing' THEN OLD.status = 'queued'
        WHEN 'transcribing' THEN OLD.status = 'preparing'
        WHEN 'merging' THEN OLD.status = 'transcribing'
        WHEN 'completed' THEN OLD.status = 'merging'
        WHEN 'failed' THEN OLD.status NOT IN ('completed', 'canceled')
        WHEN 'canceled' THEN OLD.status NOT IN ('completed', 'failed')
        ELSE false END)
    OR NEW.run = OLD.run + 1 AND NEW.status = 'queued' AND OLD.status IN ('completed', 'failed', 'canceled') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'run % of transcription % cannot go from % to % of run %', OLD.run, OLD.id, OLD.status, NEW.status, NEW.run
        USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER transcriptions_move BEFORE UPDATE OF status, run ON transcriptions FOR EACH ROW EXECUTE FUNCTION transcriptions_move();

ALTER TABLE steps ADD CONSTRAINT steps_failed_check CHECK (state <> 'failed' OR attempts = max_attempts);
