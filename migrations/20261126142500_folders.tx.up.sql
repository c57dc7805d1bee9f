CREATE TABLE folders (
    id         uuid PRIMARY KEY,
    owner_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    parent_id  uuid,
    name       text NOT NULL CHECK (name <> ''),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (id, owner_id),
    FOREIGN KEY (parent_id, owner_id) REFERENCES folders (id, owner_id),
    CHECK (parent_id <> id)
);
CREATE UNIQUE INDEX folders_name ON folders (owner_id, coalesce(parent_id, '00000000-0000-0000-0000-000000000000'), lower(name));
CREATE INDEX folders_parent ON folders (parent_id);

-- Whoever has a folder has what is in it: the owner is part of the key.
ALTER TABLE transcriptions ADD COLUMN folder_id uuid;
ALTER TABLE transcriptions ADD COLUMN tags text[] NOT NULL DEFAULT '{}';
ALTER TABLE transcriptions ADD COLUMN archived_at timestamptz;
ALTER TABLE transcriptions ADD CONSTRAINT transcriptions_folder FOREIGN KEY (folder_id, owner_id) REFERENCES folders (id, owner_id);
CREATE INDEX transcriptions_in_folder ON transcriptions (folder_id, created_at DESC, id DESC) WHERE folder_id IS NOT NULL;
CREATE INDEX transcriptions_tags ON transcriptions USING gin (tags) WHERE tags <> '{}';
