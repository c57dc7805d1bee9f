ALTER TABLE users ADD CONSTRAINT users_password_hash_check CHECK (password_hash <> '') NOT VALID;
DROP TABLE handshakes;
DROP TABLE identities;
