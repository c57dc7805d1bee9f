-- Passwords of programs. The key itself is kept nowhere; its prefix tells one from
-- another. A key that is revoked is deleted.
CREATE TABLE api_keys (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text NOT NULL CHECK (name <> ''),
    prefix     text NOT NULL CHECK (prefix <> ''),
    hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
    scopes     text[] NOT NULL CHECK (scopes <> '{}'),
    created_at timestamptz NOT NULL,
    expires_at timestamptz CHECK (expires_at > created_at),
    used_at    timestamptz
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE INDEX api_keys_user ON api_keys (user_id, id DESC);
