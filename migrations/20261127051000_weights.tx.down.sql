ALTER TABLE chunks DROP COLUMN weights;
