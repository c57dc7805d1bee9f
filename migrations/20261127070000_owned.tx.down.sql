ALTER TABLE users DROP COLUMN owned_at;
