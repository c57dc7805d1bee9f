-- The first text of a transcription may be a person's: one that came with its recording, or
-- was imported where no machine has made one.
ALTER TABLE transcriptions ADD COLUMN written boolean NOT NULL DEFAULT false;
ALTER TABLE transcriptions DROP CONSTRAINT transcriptions_edited;
ALTER TABLE transcriptions ADD CONSTRAINT transcriptions_edited CHECK (NOT edited OR revision > 0 OR written);

-- Such a text completes what has ended without one, and what is new.
CREATE OR REPLACE FUNCTION transcriptions_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.run = OLD.run AND (NEW.status = OLD.status OR CASE NEW.status
        WHEN 'queued' THEN OLD.status = 'uploading'
        WHEN 'preparing' THEN OLD.status = 'queued'
        WHEN 'transcribing' THEN OLD.status = 'preparing'
        WHEN 'merging' THEN OLD.status = 'transcribing'
        WHEN 'completed' THEN OLD.status = 'merging' OR NEW.written AND NOT OLD.written AND OLD.status IN ('queued', 'failed', 'canceled')
        WHEN 'failed' THEN OLD.status NOT IN ('completed', 'canceled')
        WHEN 'canceled' THEN OLD.status NOT IN ('completed', 'failed')
        ELSE false END)
    OR NEW.run = OLD.run + 1 AND NEW.status = 'queued' AND OLD.status IN ('completed', 'failed', 'canceled') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'run % of transcription % cannot go from % to % of run %', OLD.run, OLD.id, OLD.status, NEW.status, NEW.run
        USING ERRCODE = 'check_violation';
END $$;
