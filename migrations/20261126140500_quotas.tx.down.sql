DROP TABLE usage;
DROP INDEX files_stored;
ALTER TABLE files DROP COLUMN gone;
ALTER TABLE users DROP COLUMN quota_bytes, DROP COLUMN quota_minutes, DROP COLUMN quota_active;
