CREATE OR REPLACE FUNCTION transcriptions_move() RETURNS trigger LANGUAGE plpgsql AS $$
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

ALTER TABLE transcriptions DROP CONSTRAINT transcriptions_edited;
UPDATE transcriptions SET edited = false WHERE edited AND revision = 0;
ALTER TABLE transcriptions ADD CONSTRAINT transcriptions_edited CHECK (NOT edited OR revision > 0);
ALTER TABLE transcriptions DROP COLUMN written;
