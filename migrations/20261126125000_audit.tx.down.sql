DROP TABLE audit;
DROP FUNCTION keep_the_audit();
