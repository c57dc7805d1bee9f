DROP VIEW runs;
DELETE FROM steps WHERE run < 0;
DELETE FROM chunks WHERE run < 0;
DELETE FROM usage WHERE run < 0;
DROP TABLE ranges;

-- An earlier version knows of no part that was made anew; all it asks is whether the whole is the machine's.
ALTER TABLE revisions DISABLE TRIGGER revisions_stay;
UPDATE revisions SET kind = 'edit' WHERE kind = 'range';
ALTER TABLE revisions ENABLE TRIGGER revisions_stay;
ALTER TABLE revisions DROP CONSTRAINT revisions_kind_check;
ALTER TABLE revisions ADD CONSTRAINT revisions_kind_check CHECK (kind IN ('machine', 'edit', 'restore', 'kept'));

ALTER TABLE steps DROP CONSTRAINT steps_run_check, ADD CONSTRAINT steps_run_check CHECK (run > 0);
ALTER TABLE chunks DROP CONSTRAINT chunks_run_check, ADD CONSTRAINT chunks_run_check CHECK (run > 0);
ALTER TABLE usage DROP CONSTRAINT usage_run_check, ADD CONSTRAINT usage_run_check CHECK (run > 0);
