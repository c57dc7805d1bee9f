DROP INDEX exports_of;
