-- Second factors. The seed is encrypted with pgcrypto; sealed_by names the key. A code works
-- once: those of last_step and before work no more.
CREATE TABLE factors (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL UNIQUE REFERENCES users ON DELETE CASCADE,
    seed         bytea NOT NULL,
    sealed_by    text NOT NULL CHECK (sealed_by <> ''),
    created_at   timestamptz NOT NULL,
    confirmed_at timestamptz,
    last_step    bigint NOT NULL DEFAULT 0
);

-- What replaces a lost authenticator app, once each.
CREATE TABLE recovery_codes (
    hash      bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    factor_id uuid NOT NULL REFERENCES factors ON DELETE CASCADE
);
CREATE INDEX recovery_codes_factor ON recovery_codes (factor_id);
