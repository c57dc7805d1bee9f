-- Whether another recording lies behind the end of a recording's file, which is not read.
ALTER TABLE transcriptions ADD COLUMN joined boolean NOT NULL DEFAULT false;
