DROP INDEX revisions_by;
DROP INDEX events_edited_by;
CREATE OR REPLACE FUNCTION events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM transcriptions WHERE id = OLD.transcription_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'events are only added' USING ERRCODE = 'check_violation';
END $$;
DROP FUNCTION address_of;
DROP FUNCTION shared_with;
CREATE OR REPLACE FUNCTION shared_as(shared uuid, who uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT access FROM links WHERE id = who AND transcription_id = shared AND (expires_at IS NULL OR expires_at > now())
$$;
DROP FUNCTION shares_of;
DROP TABLE shares;
