ALTER TABLE transcriptions DROP COLUMN admin_hold;
