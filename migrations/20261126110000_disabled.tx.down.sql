ALTER TABLE webhooks DROP COLUMN disabled_at;
DROP INDEX IF EXISTS webhooks_disabled;
