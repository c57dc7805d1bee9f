-- Whether the address of an account is proved, and how often its password was changed.
ALTER TABLE users
    ADD COLUMN verified_at timestamptz,
    ADD COLUMN generation  int NOT NULL DEFAULT 0;

-- Who runs the installation has given the addresses of its administrators.
UPDATE users SET verified_at = created_at WHERE role = 'admin';

-- What lets whoever holds its token do one thing, once. The token is kept nowhere.
CREATE TABLE tickets (
    hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    purpose    text NOT NULL CHECK (purpose <> ''),
    email      text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at)
);
CREATE INDEX tickets_user ON tickets (user_id);

-- Mails that are to be sent or were lately. They hold no secret: what they say is made
-- when they are sent. Anybody may ask for one to any address, so they need no user.
CREATE TABLE mails (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL CHECK (kind <> ''),
    recipient   text NOT NULL CHECK (recipient <> ''),
    user_id     uuid REFERENCES users ON DELETE CASCADE,
    created_at  timestamptz NOT NULL,
    next_at     timestamptz NOT NULL,
    attempts    int NOT NULL DEFAULT 0,
    finished_at timestamptz
);
CREATE UNIQUE INDEX mails_waiting ON mails (recipient, kind) WHERE finished_at IS NULL;
CREATE INDEX mails_recipient ON mails (recipient, kind, created_at);
CREATE INDEX mails_due ON mails (next_at) WHERE finished_at IS NULL;
CREATE INDEX mails_created ON mails (created_at);
