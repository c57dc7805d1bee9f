-- Queues that an operator has stopped, and who has stopped and resumed which.
CREATE TABLE queue_pauses (
    queue     text PRIMARY KEY CHECK (queue IN ('prepare', 'transcribe-gpu', 'transcribe-cpu', 'merge')),
    paused_at timestamptz NOT NULL DEFAULT now(),
    paused_by uuid NOT NULL
);
CREATE TABLE queue_events (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    queue  text NOT NULL,
    action text NOT NULL CHECK (action IN ('paused', 'resumed')),
    who    uuid NOT NULL
);

INSERT INTO role_permissions (role, permission) VALUES ('admin', 'queues:manage');
