-- Zips of many texts, written by any api under a lease as that of a step. A row outlives its
-- file, which is garbage from the beginning, with a date.
CREATE TABLE exports (
    id              uuid PRIMARY KEY,
    owner_id        uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    state           text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'completed', 'failed', 'canceled')),
    format          text NOT NULL CHECK (format <> ''),
    layout          text NOT NULL DEFAULT '',
    ids             uuid[] NOT NULL CHECK (cardinality(ids) > 0),
    done            int NOT NULL DEFAULT 0 CHECK (done BETWEEN 0 AND cardinality(ids)),
    size            bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    key             text NOT NULL DEFAULT '',
    sealed          bytea, -- its data key, as in data_keys; null: it is not encrypted
    sealed_by       text NOT NULL DEFAULT '',
    failure_code    text NOT NULL DEFAULT '',
    failure_message text NOT NULL DEFAULT '',

    attempts        int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at         timestamptz NOT NULL DEFAULT now(),
    lease_token     uuid,
    lease_until     timestamptz,

    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at    timestamptz,
    expires_at      timestamptz,
    CHECK ((state = 'running') = (lease_token IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state = 'completed') = (key <> '')),
    CHECK ((sealed IS NULL) = (sealed_by = '')),
    CHECK ((state = 'completed') = (completed_at IS NOT NULL)),
    CHECK ((state = 'completed') = (expires_at IS NOT NULL)),
    CHECK ((state = 'failed') = (failure_code <> ''))
);
CREATE INDEX exports_owner ON exports (owner_id, id DESC);
CREATE INDEX exports_work ON exports (next_at, id) WHERE state IN ('waiting', 'running');
CREATE INDEX exports_old ON exports (created_at);
