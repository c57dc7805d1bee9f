-- Who did what to whose account. Entries outlive the accounts, which are taken out of
-- them when they are deleted; nothing else of them ever changes, and they stay for 90
-- days at least. Who keeps them for no longer deletes older ones.
CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    action     text NOT NULL CHECK (action <> ''),
    user_id    uuid REFERENCES users ON DELETE SET NULL,
    subject_id uuid REFERENCES users ON DELETE SET NULL,
    ip         text NOT NULL DEFAULT '',
    request_id text NOT NULL DEFAULT '',
    details    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object')
);
CREATE INDEX audit_user ON audit (user_id, id DESC) WHERE user_id IS NOT NULL;
CREATE INDEX audit_subject ON audit (subject_id, id DESC) WHERE subject_id IS NOT NULL;
CREATE INDEX audit_action ON audit (action, id DESC);
CREATE INDEX audit_at ON audit (at);

CREATE FUNCTION keep_the_audit() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION keep_the_audit();
CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION keep_the_audit();
