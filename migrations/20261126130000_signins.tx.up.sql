-- What a person is shown of a sign-in: when it began, and who was given its newest token.
ALTER TABLE sessions
    ADD COLUMN began_at   timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN ip         text NOT NULL DEFAULT '',
    ADD COLUMN user_agent text NOT NULL DEFAULT '';

UPDATE sessions AS s SET began_at = f.began_at
FROM (SELECT family_id, min(created_at) AS began_at FROM sessions GROUP BY family_id) AS f
WHERE f.family_id = s.family_id;
