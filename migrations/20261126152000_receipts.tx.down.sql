CREATE OR REPLACE FUNCTION keep_the_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.at < now() - interval '90 days' THEN
            RETURN OLD;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF (NEW.user_id IS NULL OR NEW.user_id = OLD.user_id) AND (NEW.subject_id IS NULL OR NEW.subject_id = OLD.subject_id)
            AND to_jsonb(NEW) - 'user_id' - 'subject_id' = to_jsonb(OLD) - 'user_id' - 'subject_id' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'TS002';
END $$;

DROP TABLE receipts;
