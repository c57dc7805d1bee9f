-- What people give each other. A share is with an address, and good for whoever has proved
-- that it is theirs: so nothing here tells whether anybody has.
CREATE TABLE shares (
    id               uuid PRIMARY KEY,
    owner_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    transcription_id uuid REFERENCES transcriptions ON DELETE CASCADE,
    folder_id        uuid,
    email            text NOT NULL CHECK (email = lower(email) AND email <> ''),
    access           text NOT NULL CHECK (access IN ('read', 'edit')),
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (transcription_id, email),
    UNIQUE (folder_id, email),
    FOREIGN KEY (folder_id, owner_id) REFERENCES folders (id, owner_id) ON DELETE CASCADE,
    CHECK (num_nonnulls(transcription_id, folder_id) = 1)
);
CREATE INDEX shares_with ON shares (email);
CREATE INDEX shares_by ON shares (owner_id, id);

-- The shares with somebody.
CREATE FUNCTION shares_of(who uuid) RETURNS SETOF shares LANGUAGE sql STABLE ROWS 10 AS $$
    SELECT s.* FROM shares AS s JOIN users AS u ON lower(u.email) = s.email
    WHERE u.id = who AND u.verified_at IS NOT NULL AND s.owner_id <> who
$$;

-- What somebody may do with a transcription that is not theirs, now of accounts as well. A
-- folder is shared with all that is in it, and in the folders in it. In PL/pgSQL, since the
-- planner reads functions in SQL each time to see whether they can be put into the statement,
-- also where nothing calls them in the end: a poll by the owner would cost two fifths more.
CREATE OR REPLACE FUNCTION shared_as(shared uuid, who uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (WITH RECURSIVE up AS (
        SELECT d.id, d.parent_id FROM transcriptions AS t JOIN folders AS d ON d.id = t.folder_id WHERE t.id = shared
        UNION SELECT d.id, d.parent_id FROM folders AS d JOIN up ON d.id = up.parent_id
    )
    SELECT min(access) FROM ( -- edit goes before read
        SELECT access FROM links WHERE id = who AND transcription_id = shared AND (expires_at IS NULL OR expires_at > now())
        UNION ALL SELECT s.access FROM shares_of(who) AS s WHERE s.transcription_id = shared OR s.folder_id IN (SELECT id FROM up)
    ) AS granted);
END $$;

-- All that is shared with somebody: the same, read the other way round.
CREATE FUNCTION shared_with(who uuid) RETURNS SETOF uuid LANGUAGE sql STABLE ROWS 100 AS $$
    WITH RECURSIVE down AS (
        SELECT s.folder_id AS id FROM shares_of(who) AS s WHERE s.folder_id IS NOT NULL
        UNION SELECT d.id FROM folders AS d JOIN down ON d.parent_id = down.id
    )
    SELECT s.transcription_id FROM shares_of(who) AS s WHERE s.transcription_id IS NOT NULL
    UNION SELECT t.id FROM transcriptions AS t WHERE t.folder_id IN (SELECT id FROM down)
$$;

-- Whose it is, for those with whom it is shared.
CREATE FUNCTION address_of(who uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT email FROM users WHERE id = who);
END $$;

-- People change texts that are not theirs. When their account goes, the texts stay, and what
-- they have done to them is nobody's any more.
CREATE OR REPLACE FUNCTION events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM transcriptions WHERE id = OLD.transcription_id) THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.actor = 'user' AND NEW.who = '' AND NOT EXISTS (SELECT FROM users WHERE id::text = OLD.who)
        AND to_jsonb(NEW) - 'who' = to_jsonb(OLD) - 'who' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'events are only added' USING ERRCODE = 'check_violation';
END $$;
CREATE INDEX events_edited_by ON events (who) WHERE type = 'edited' AND actor = 'user';
CREATE INDEX revisions_by ON revisions (who) WHERE actor = 'user';
