-- Whether the hold of a transcription was set by an administrator: its owner cannot lift it then.
-- Who of them that was is in the audit log.
ALTER TABLE transcriptions ADD COLUMN admin_hold boolean NOT NULL DEFAULT false;
ALTER TABLE transcriptions ADD CONSTRAINT transcriptions_admin_hold CHECK (legal_hold OR NOT admin_hold);
