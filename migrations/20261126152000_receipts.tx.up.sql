-- What is left of accounts that were deleted. Until nothing is found of one any more in
-- the storage and the queue, owner_id says below which prefix to look; then not even
-- that is known. Counts are of rows by their kind.
CREATE TABLE receipts (
    id          uuid PRIMARY KEY,
    deleted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    counts      jsonb NOT NULL CHECK (jsonb_typeof(counts) = 'object'),
    owner_id    uuid UNIQUE,
    next_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    verified_at timestamptz,
    CHECK ((owner_id IS NULL) = (verified_at IS NOT NULL))
);
CREATE INDEX receipts_open ON receipts (next_at) WHERE owner_id IS NOT NULL;

-- With an account goes what could tell whose it was: the address of a request, its id,
-- and the beginning of a key.
CREATE OR REPLACE FUNCTION keep_the_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    leaves boolean;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.at < now() - interval '90 days' THEN
            RETURN OLD;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        leaves := (OLD.user_id IS NOT NULL AND NEW.user_id IS NULL) OR (OLD.subject_id IS NOT NULL AND NEW.subject_id IS NULL);
        IF (NEW.user_id IS NULL OR NEW.user_id = OLD.user_id) AND (NEW.subject_id IS NULL OR NEW.subject_id = OLD.subject_id)
            AND (NEW.ip = OLD.ip OR leaves AND NEW.ip = '')
            AND (NEW.request_id = OLD.request_id OR leaves AND NEW.request_id = '')
            AND (NEW.details = OLD.details OR leaves AND NEW.details = OLD.details - 'prefix')
            AND to_jsonb(NEW) - '{user_id,subject_id,ip,request_id,details}'::text[] = to_jsonb(OLD) - '{user_id,subject_id,ip,request_id,details}'::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'TS002';
END $$;
