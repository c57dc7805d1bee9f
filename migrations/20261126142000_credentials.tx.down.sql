DROP TABLE mails;
DROP TABLE tickets;
ALTER TABLE users
    DROP COLUMN verified_at,
    DROP COLUMN generation;
