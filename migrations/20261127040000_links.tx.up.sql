-- What lets people at a transcription who have no account. The token of a link is kept
-- nowhere; who revokes a link deletes it.
CREATE TABLE links (
    id               uuid PRIMARY KEY,
    transcription_id uuid NOT NULL REFERENCES transcriptions ON DELETE CASCADE,
    hash             bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    label            text NOT NULL DEFAULT '',
    access           text NOT NULL CHECK (access IN ('read', 'edit')),
    password_hash    text NOT NULL DEFAULT '',
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at       timestamptz,
    uses             bigint NOT NULL DEFAULT 0,
    used_at          timestamptz
);
CREATE INDEX links_of ON links (transcription_id, id);

-- What somebody may do with a transcription that is not theirs: 'read', 'edit', or nothing.
-- Who is the id of a link. This is the one place that says so; every statement that is about
-- more than an owner's own asks here.
CREATE FUNCTION shared_as(shared uuid, who uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT access FROM links WHERE id = who AND transcription_id = shared AND (expires_at IS NULL OR expires_at > now())
$$;

-- Guests change texts, too, and are named as the link by which they have come.
ALTER TABLE events DROP CONSTRAINT events_actor_check;
ALTER TABLE events ADD CONSTRAINT events_actor_check CHECK (actor IN ('user', 'worker', 'scheduler', 'api', 'link'));
ALTER TABLE revisions DROP CONSTRAINT revisions_actor_check;
ALTER TABLE revisions ADD CONSTRAINT revisions_actor_check CHECK (actor IN ('user', 'worker', 'scheduler', 'api', 'link'));
