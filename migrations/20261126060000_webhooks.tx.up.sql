-- Encrypts the secrets; any owner of a database may install it.
CREATE EXTENSION IF NOT EXISTS pgcrypto;

-- Who is told of what happens to a person's transcriptions. One of a person's rows may
-- have no URL: its secret signs what goes to the addresses that come with uploads.
-- Secrets are encrypted with the key of TS_ENCRYPTION_KEY that sealed_by names.
CREATE TABLE webhooks (
    id             uuid PRIMARY KEY,
    owner_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    url            text NOT NULL,
    events         text[] NOT NULL,
    description    text NOT NULL DEFAULT '',
    active         boolean NOT NULL DEFAULT true,
    disabled       text NOT NULL DEFAULT '' CHECK (disabled IN ('', 'gone', 'failing')),
    secret         bytea NOT NULL,
    previous       bytea,
    previous_until timestamptz,
    sealed_by      text NOT NULL CHECK (sealed_by <> ''),
    failing_since  timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (disabled = '' OR NOT active),
    CHECK (url <> '' OR active),
    CHECK ((url = '') = (events = '{}')),
    CHECK ((previous IS NULL) = (previous_until IS NULL))
);
CREATE INDEX webhooks_owner ON webhooks (owner_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX webhooks_key ON webhooks (owner_id) WHERE url = '';

ALTER TABLE transcriptions ADD COLUMN webhook_url text NOT NULL DEFAULT '';

-- What is to be sent, and what became of it. A row is written in the transaction of
-- what it tells of, and is a step as well: it is dispatched, leased and rescued as
-- those of the table steps are, and has columns of the same names and meanings.
CREATE TABLE deliveries (
    id               uuid PRIMARY KEY,
    owner_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    webhook_id       uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    transcription_id uuid REFERENCES transcriptions ON DELETE CASCADE,
    url              text NOT NULL DEFAULT '',
    type             text NOT NULL CHECK (type <> ''),
    payload          text NOT NULL CHECK (payload <> ''),

    state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'dispatched', 'running', 'delivered', 'failed', 'canceled')),
    gen              int NOT NULL DEFAULT 0 CHECK (gen >= 0),
    attempts         int NOT NULL DEFAULT 0,
    max_attempts     int NOT NULL CHECK (max_attempts > 0),
    next_at          timestamptz NOT NULL DEFAULT now(),
    dispatched_at    timestamptz,
    lease_token      uuid,
    lease_until      timestamptz,
    worker           text NOT NULL DEFAULT '',

    -- of the last attempt
    status           int NOT NULL DEFAULT 0,
    excerpt          text NOT NULL DEFAULT '' CHECK (octet_length(excerpt) <= 1024),
    failure_code     text NOT NULL DEFAULT '',
    failure_message  text NOT NULL DEFAULT '',
    took_us          bigint NOT NULL DEFAULT 0 CHECK (took_us >= 0),
    attempted_at     timestamptz,

    created_at       timestamptz NOT NULL DEFAULT now(),
    CHECK (attempts BETWEEN 0 AND max_attempts),
    CHECK ((state = 'running') = (lease_token IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK (state <> 'dispatched' OR (dispatched_at IS NOT NULL AND gen > 0))
);
CREATE INDEX deliveries_owner ON deliveries (owner_id, created_at DESC, id DESC);
CREATE INDEX deliveries_webhook ON deliveries (webhook_id, created_at DESC, id DESC);
CREATE INDEX deliveries_transcription ON deliveries (transcription_id, created_at DESC, id DESC) WHERE transcription_id IS NOT NULL;
CREATE INDEX deliveries_waiting ON deliveries (next_at, webhook_id) WHERE state = 'waiting';
CREATE INDEX deliveries_in_flight ON deliveries (webhook_id) WHERE state IN ('dispatched', 'running');

ALTER TABLE queue_pauses
    DROP CONSTRAINT queue_pauses_queue_check,
    ADD CONSTRAINT queue_pauses_queue_check CHECK (queue IN ('prepare', 'transcribe-gpu', 'transcribe-cpu', 'merge', 'deliver'));
