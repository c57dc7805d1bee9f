DROP TRIGGER users_last_admin ON users;
DROP FUNCTION keep_an_admin();
DROP INDEX users_admins;
UPDATE users SET role = 'user' WHERE role IN ('operator', 'viewer');
ALTER TABLE users DROP COLUMN disabled_at;
DELETE FROM role_permissions WHERE role IN ('operator', 'viewer') OR permission IN ('users:read', 'audit:read');
DELETE FROM roles WHERE name IN ('operator', 'viewer');
