ALTER TABLE workers DROP COLUMN refused;
