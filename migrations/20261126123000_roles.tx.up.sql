-- The roles that every installation has. Who wants others adds them here: the API asks
-- these tables what somebody may do.
INSERT INTO roles (name) VALUES ('operator'), ('viewer');

INSERT INTO role_permissions (role, permission) VALUES
    ('admin', 'users:read'),
    ('admin', 'audit:read'),
    ('operator', 'transcriptions:read'),
    ('operator', 'transcriptions:write'),
    ('operator', 'queues:watch'),
    ('operator', 'queues:manage'),
    ('operator', 'users:read'),
    ('viewer', 'transcriptions:read');

ALTER TABLE users ADD COLUMN disabled_at timestamptz;
CREATE INDEX users_admins ON users (id) WHERE role = 'admin' AND disabled_at IS NULL;

-- Nobody could undo it when nobody were left to administer the installation. The lock
-- has those who leave look one after the other: two who look at the same moment would
-- each see the other still there. 29779 is the class of our locks.
CREATE FUNCTION keep_an_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(29779, 4);
    IF NOT EXISTS (SELECT FROM users WHERE role = 'admin' AND disabled_at IS NULL) THEN
        RAISE EXCEPTION 'the last administrator must stay' USING ERRCODE = 'TS001';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER users_last_admin AFTER DELETE OR UPDATE OF role, disabled_at ON users
    FOR EACH ROW WHEN (OLD.role = 'admin' AND OLD.disabled_at IS NULL)
    EXECUTE FUNCTION keep_an_admin();
