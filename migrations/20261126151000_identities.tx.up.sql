-- Who is who at the providers that people sign in with. The issuer is part of the key: a
-- provider's name may lead elsewhere one day, and subjects mean nothing there.
CREATE TABLE identities (
    provider   text NOT NULL CHECK (provider <> ''),
    issuer     text NOT NULL CHECK (issuer <> ''),
    subject    text NOT NULL CHECK (subject <> ''),
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    used_at    timestamptz NOT NULL,
    PRIMARY KEY (provider, issuer, subject)
);
CREATE UNIQUE INDEX identities_user ON identities (user_id, provider);

-- Sign-ins at providers that were finished, so that none is twice. A row is of use for ten
-- minutes.
CREATE TABLE handshakes (
    state      bytea PRIMARY KEY CHECK (octet_length(state) = 32),
    expires_at timestamptz NOT NULL
);
CREATE INDEX handshakes_expires ON handshakes (expires_at);

-- Who has come from a provider has no password: an empty hash, which none fits.
ALTER TABLE users DROP CONSTRAINT users_password_hash_check;
