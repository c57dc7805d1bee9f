DROP TABLE scheduler;
