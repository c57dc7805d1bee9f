-- A page of what only a few of somebody's transcriptions are was found by reading all of them.
CREATE INDEX transcriptions_of_status ON transcriptions (owner_id, status, created_at DESC, id DESC);
CREATE INDEX transcriptions_of_language ON transcriptions (owner_id, (coalesce(earlier->>'language', language)), created_at DESC, id DESC);
CREATE INDEX transcriptions_in_no_folder ON transcriptions (owner_id, created_at DESC, id DESC) WHERE folder_id IS NULL;
CREATE INDEX transcriptions_archived ON transcriptions (owner_id, created_at DESC, id DESC) WHERE archived_at IS NOT NULL;
CREATE INDEX transcriptions_at_hand ON transcriptions (owner_id, created_at DESC, id DESC) WHERE archived_at IS NULL;
CREATE INDEX transcriptions_of_duration ON transcriptions (owner_id, duration_samples);
