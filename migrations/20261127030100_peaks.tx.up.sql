-- Where the outline of a recording is kept; empty: there is none yet.
ALTER TABLE transcriptions ADD COLUMN peaks_key text NOT NULL DEFAULT '';
