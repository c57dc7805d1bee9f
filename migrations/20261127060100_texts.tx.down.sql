ALTER TABLE ranges DROP COLUMN sealed_prompt;
ALTER TABLE revisions DROP COLUMN sealed;
ALTER TABLE chunks DROP COLUMN sealed;
ALTER TABLE segments DROP COLUMN sealed;
ALTER TABLE transcriptions DROP COLUMN sealed_text, DROP COLUMN sealed_prompt;
ALTER TABLE data_keys DROP COLUMN texts;
