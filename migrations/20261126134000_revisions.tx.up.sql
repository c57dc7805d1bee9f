-- What makes each text out of the one before. Rows are only ever added, and go with the
-- transcription. The text that the machine made first is revision 0 and has no row.
CREATE TABLE revisions (
    transcription_id uuid NOT NULL REFERENCES transcriptions ON DELETE CASCADE,
    number           int NOT NULL CHECK (number > 0),
    run              int NOT NULL CHECK (run > 0),
    kind             text NOT NULL CHECK (kind IN ('machine', 'edit', 'restore', 'kept')),
    of               int NOT NULL DEFAULT 0 CHECK (of >= 0 AND of < number),
    actor            text NOT NULL CHECK (actor IN ('user', 'worker', 'scheduler', 'api')),
    who              text NOT NULL DEFAULT '',
    at               timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed          int NOT NULL CHECK (changed > 0),
    splices          jsonb NOT NULL CHECK (jsonb_typeof(splices) = 'array'),
    PRIMARY KEY (transcription_id, number)
);

-- A person has a part in the text: another run must not replace it.
ALTER TABLE transcriptions ADD COLUMN edited boolean NOT NULL DEFAULT false;
ALTER TABLE transcriptions ADD CONSTRAINT transcriptions_edited CHECK (NOT edited OR revision > 0);

CREATE TRIGGER revisions_stay BEFORE UPDATE OR DELETE ON revisions FOR EACH ROW EXECUTE FUNCTION events_stay();
