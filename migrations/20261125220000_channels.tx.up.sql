-- Whether the channels of a stereo recording are to be kept apart, and which one a
-- chunk is of: 0 is all of them mixed.
ALTER TABLE transcriptions ADD COLUMN split boolean NOT NULL DEFAULT false;
ALTER TABLE chunks ADD COLUMN channel int NOT NULL DEFAULT 0 CHECK (channel >= 0);
