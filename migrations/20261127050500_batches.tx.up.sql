-- Recordings that somebody sends together. Uploads name an open one; it is completed, once,
-- when it is closed and all of it has ended. taken counts uploads, also of what was deleted.
CREATE TABLE batches (
    id             uuid PRIMARY KEY,
    owner_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name           text NOT NULL CHECK (name <> ''),
    expected       int NOT NULL DEFAULT 0 CHECK (expected >= 0),
    taken          int NOT NULL DEFAULT 0 CHECK (taken >= 0),
    folder_id      uuid,
    tags           text[] NOT NULL DEFAULT '{}',

    -- what uploads are asked for that ask for nothing else
    asked_model    text NOT NULL DEFAULT '',
    asked_language text NOT NULL DEFAULT '',
    prompt         text NOT NULL DEFAULT '',
    translate      boolean NOT NULL DEFAULT false,
    split          boolean NOT NULL DEFAULT false,
    priority       smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -1 AND 1),
    webhook_url    text NOT NULL DEFAULT '',

    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at      timestamptz,
    completed_at   timestamptz,
    UNIQUE (id, owner_id),
    FOREIGN KEY (folder_id, owner_id) REFERENCES folders (id, owner_id),
    CHECK (completed_at IS NULL OR closed_at IS NOT NULL)
);
CREATE INDEX batches_owner ON batches (owner_id, id DESC);
CREATE INDEX batches_folder ON batches (folder_id) WHERE folder_id IS NOT NULL;

-- Whoever has a batch has what is in it: the owner is part of the key.
ALTER TABLE transcriptions ADD COLUMN batch_id uuid;
ALTER TABLE transcriptions ADD CONSTRAINT transcriptions_batch FOREIGN KEY (batch_id, owner_id) REFERENCES batches (id, owner_id);
CREATE INDEX transcriptions_in_batch ON transcriptions (batch_id, created_at DESC, id DESC) WHERE batch_id IS NOT NULL;

ALTER TABLE deliveries ADD COLUMN batch_id uuid REFERENCES batches ON DELETE CASCADE;
CREATE INDEX deliveries_batch ON deliveries (batch_id) WHERE batch_id IS NOT NULL;
