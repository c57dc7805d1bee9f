-- For how many days after completion recordings, and transcriptions as a whole, are kept: what
-- an account says for all. NULL: it says nothing; 0: for good. There is a row for everybody who
-- has a rule or a hold anywhere, and next_at is when somebody looks again what is due.
CREATE TABLE retention (
    owner_id   uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    media_days int CHECK (media_days BETWEEN 0 AND 36500),
    days       int CHECK (days BETWEEN 0 AND 36500),
    next_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX retention_next ON retention (next_at);

-- What a folder says for itself and all that is in it; NULL: as the one that it is in.
ALTER TABLE folders ADD COLUMN media_days int CHECK (media_days BETWEEN 0 AND 36500);
ALTER TABLE folders ADD COLUMN days int CHECK (days BETWEEN 0 AND 36500);
ALTER TABLE folders ADD COLUMN legal_hold boolean NOT NULL DEFAULT false;
ALTER TABLE transcriptions ADD COLUMN legal_hold boolean NOT NULL DEFAULT false;
CREATE INDEX transcriptions_completed ON transcriptions (owner_id, completed_at) WHERE completed_at IS NOT NULL;

-- The rule that holds in a folder, or in none: of each number that of the nearest folder
-- upwards that has one, else the account's. A hold anywhere upwards holds.
CREATE FUNCTION retention_of(whose uuid, within uuid) RETURNS TABLE (media_days int, days int, held boolean) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE up AS (
        SELECT d.parent_id, d.media_days, d.days, d.legal_hold, 1 AS n FROM folders AS d WHERE d.id = within AND d.owner_id = whose
        UNION ALL SELECT d.parent_id, d.media_days, d.days, d.legal_hold, up.n + 1 FROM folders AS d JOIN up ON d.id = up.parent_id
    )
    SELECT coalesce((SELECT up.media_days FROM up WHERE up.media_days IS NOT NULL ORDER BY up.n LIMIT 1), (SELECT r.media_days FROM retention AS r WHERE r.owner_id = whose)),
        coalesce((SELECT up.days FROM up WHERE up.days IS NOT NULL ORDER BY up.n LIMIT 1), (SELECT r.days FROM retention AS r WHERE r.owner_id = whose)),
        coalesce((SELECT bool_or(up.legal_hold) FROM up), false)
$$;

ALTER TABLE events DROP CONSTRAINT events_type_check;
ALTER TABLE events ADD CONSTRAINT events_type_check CHECK (type IN ('created', 'preparing', 'transcribing', 'merging', 'completed', 'failed',
    'canceled', 'retried', 'reused', 'step_failed', 'step_rescued', 'edited', 'media_expired', 'held', 'hold_lifted'));
