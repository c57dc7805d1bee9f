-- When a webhook was disabled that its owner did not make inactive.
ALTER TABLE webhooks ADD COLUMN disabled_at timestamptz;
UPDATE webhooks SET disabled_at = updated_at WHERE disabled <> '';
ALTER TABLE webhooks ADD CONSTRAINT webhooks_disabled_at_check CHECK ((disabled = '') = (disabled_at IS NULL));
CREATE INDEX webhooks_disabled ON webhooks (disabled) WHERE disabled <> '';
