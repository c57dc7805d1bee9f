DROP TABLE queue_epoch, garbage, workers, steps, segments, chunks, transcriptions, files, sessions, users, role_permissions, roles;
