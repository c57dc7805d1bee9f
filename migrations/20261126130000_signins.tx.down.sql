ALTER TABLE sessions
    DROP COLUMN began_at,
    DROP COLUMN ip,
    DROP COLUMN user_agent;
