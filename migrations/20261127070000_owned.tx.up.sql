-- When who has the address of an account has proved to know its password, too; NULL: not
-- yet, so whoever opened the account may be somebody else.
ALTER TABLE users ADD COLUMN owned_at timestamptz;
