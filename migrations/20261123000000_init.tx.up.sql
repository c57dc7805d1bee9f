-- Ids are UUIDv7 made by the application, so they sort by age. Lengths of sound
-- are in samples (16 000 a second), times inside a transcript in milliseconds.

CREATE TABLE roles (
    name text PRIMARY KEY CHECK (name <> '')
);

CREATE TABLE role_permissions (
    role       text NOT NULL REFERENCES roles ON DELETE CASCADE,
    permission text NOT NULL CHECK (permission <> ''),
    PRIMARY KEY (role, permission)
);

INSERT INTO roles (name) VALUES ('admin'), ('user');

INSERT INTO role_permissions (role, permission) VALUES
    ('admin', 'transcriptions:read'),
    ('admin', 'transcriptions:write'),
    ('admin', 'queues:watch'),
    ('admin', 'users:manage'),
    ('user', 'transcriptions:read'),
    ('user', 'transcriptions:write');

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL CHECK (email <> ''),
    password_hash text NOT NULL CHECK (password_hash <> ''),
    role          text NOT NULL REFERENCES roles,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (lower(email));

-- One row per refresh token. The token itself is kept nowhere.
CREATE TABLE sessions (
    id          uuid PRIMARY KEY,
    family_id   uuid NOT NULL,
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    token_hash  bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL CHECK (expires_at > created_at),
    replaced_at timestamptz,
    revoked_at  timestamptz
);
CREATE UNIQUE INDEX sessions_token_hash ON sessions (token_hash);
CREATE UNIQUE INDEX sessions_newest ON sessions (family_id) WHERE replaced_at IS NULL;
CREATE INDEX sessions_family ON sessions (family_id);
CREATE INDEX sessions_user ON sessions (user_id);

-- A user with recordings cannot be deleted: their objects would stay behind.
CREATE TABLE files (
    id           uuid PRIMARY KEY,
    owner_id     uuid NOT NULL REFERENCES users,
    name         text NOT NULL CHECK (name <> ''),
    content_type text NOT NULL,
    size         bigint NOT NULL CHECK (size >= 0),
    sha256       text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    key          text NOT NULL UNIQUE CHECK (key <> ''),
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, owner_id)
);
CREATE INDEX files_owner ON files (owner_id);

CREATE TABLE transcriptions (
    id                  uuid PRIMARY KEY,
    owner_id            uuid NOT NULL REFERENCES users,
    file_id             uuid NOT NULL UNIQUE,
    run                 int NOT NULL DEFAULT 1 CHECK (run > 0),
    status              text NOT NULL CHECK (status IN ('uploading', 'queued', 'preparing', 'transcribing', 'merging', 'completed', 'failed', 'canceled')),

    -- asked for
    asked_model         text NOT NULL DEFAULT '',
    asked_language      text NOT NULL DEFAULT '',
    prompt              text NOT NULL DEFAULT '',
    translate           boolean NOT NULL DEFAULT false,

    -- found out
    model               text NOT NULL DEFAULT '',
    language            text NOT NULL DEFAULT '',
    language_confidence double precision NOT NULL DEFAULT 0 CHECK (language_confidence BETWEEN 0 AND 1),
    duration_samples    bigint NOT NULL DEFAULT 0 CHECK (duration_samples >= 0),
    cut_samples         bigint NOT NULL DEFAULT 0 CHECK (cut_samples >= 0),
    done_samples        bigint NOT NULL DEFAULT 0 CHECK (done_samples BETWEEN 0 AND cut_samples),
    progress            double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),

    -- the outcome
    text                text NOT NULL DEFAULT '',
    warnings            jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(warnings) = 'array'),
    coverage            jsonb,
    failure_code        text NOT NULL DEFAULT '',
    failure_message     text NOT NULL DEFAULT '',
    revision            int NOT NULL DEFAULT 0 CHECK (revision >= 0),

    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    completed_at        timestamptz,

    FOREIGN KEY (file_id, owner_id) REFERENCES files (id, owner_id),
    CHECK ((status = 'failed') = (failure_code <> '')),
    CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CHECK ((status = 'completed') = (progress = 1)),
    CHECK (coverage IS NULL OR status = 'completed')
);
CREATE INDEX transcriptions_owner ON transcriptions (owner_id, created_at DESC, id DESC);
CREATE INDEX transcriptions_transcribing ON transcriptions (updated_at) WHERE status = 'transcribing';

-- start_sample to end_sample tile the recording, from_sample to to_sample is the
-- sound in the object.
CREATE TABLE chunks (
    transcription_id uuid NOT NULL REFERENCES transcriptions ON DELETE CASCADE,
    run              int NOT NULL CHECK (run > 0),
    index            int NOT NULL CHECK (index >= 0),
    start_sample     bigint NOT NULL CHECK (start_sample >= 0),
    end_sample       bigint NOT NULL,
    from_sample      bigint NOT NULL CHECK (from_sample >= 0),
    to_sample        bigint NOT NULL,
    key              text NOT NULL CHECK (key <> ''),
    segments         jsonb,
    speech           jsonb,
    decoded_samples  bigint CHECK (decoded_samples >= 0),
    elapsed_us       bigint CHECK (elapsed_us >= 0),
    done_at          timestamptz,
    PRIMARY KEY (transcription_id, run, index),
    CHECK (end_sample > start_sample),
    CHECK (to_sample > from_sample),
    CHECK ((done_at IS NULL) = (decoded_samples IS NULL)),
    CHECK ((done_at IS NULL) = (elapsed_us IS NULL)),
    CHECK (done_at IS NOT NULL OR (segments IS NULL AND speech IS NULL))
);
CREATE INDEX chunks_done ON chunks (done_at) WHERE done_at IS NOT NULL;

CREATE TABLE segments (
    transcription_id uuid NOT NULL REFERENCES transcriptions ON DELETE CASCADE,
    index            int NOT NULL CHECK (index >= 0),
    start_ms         bigint NOT NULL CHECK (start_ms >= 0),
    end_ms           bigint NOT NULL,
    text             text NOT NULL,
    speaker          text NOT NULL DEFAULT '',
    confidence       double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    suspect          boolean NOT NULL,
    words            jsonb NOT NULL CHECK (jsonb_typeof(words) = 'array'),
    search           tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('simple', text)) STORED,
    PRIMARY KEY (transcription_id, index),
    CHECK (end_ms > start_ms)
);
CREATE INDEX segments_search ON segments USING gin (search);

-- The unit of leases: one row for prepare and merge, one per chunk for transcribe.
-- cost is what fairness between owners is counted in: samples for transcribe, 1 for
-- the others. dispatched_at outlives the state: it is when the owner was last served.
CREATE TABLE steps (
    transcription_id uuid NOT NULL REFERENCES transcriptions ON DELETE CASCADE,
    run              int NOT NULL CHECK (run > 0),
    kind             text NOT NULL CHECK (kind IN ('prepare', 'transcribe', 'merge')),
    index            int NOT NULL DEFAULT 0 CHECK (index >= 0),
    owner_id         uuid NOT NULL,
    state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'dispatched', 'running', 'done', 'failed', 'canceled')),
    gen              int NOT NULL DEFAULT 0 CHECK (gen >= 0),
    attempts         int NOT NULL DEFAULT 0,
    max_attempts     int NOT NULL CHECK (max_attempts > 0),
    cost             bigint NOT NULL DEFAULT 1 CHECK (cost > 0),
    next_at          timestamptz NOT NULL DEFAULT now(),
    dispatched_at    timestamptz,
    lease_token      uuid,
    lease_until      timestamptz,
    worker           text NOT NULL DEFAULT '',
    PRIMARY KEY (transcription_id, run, kind, index),
    CHECK (kind = 'transcribe' OR index = 0),
    CHECK (attempts BETWEEN 0 AND max_attempts),
    CHECK ((state = 'running') = (lease_token IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK (state <> 'dispatched' OR (dispatched_at IS NOT NULL AND gen > 0))
);
CREATE INDEX steps_waiting ON steps (kind, owner_id, transcription_id, run, index) WHERE state = 'waiting';
CREATE INDEX steps_queued ON steps (kind, transcription_id) WHERE state IN ('waiting', 'dispatched');
CREATE INDEX steps_in_flight ON steps (kind, owner_id) WHERE state IN ('dispatched', 'running');
CREATE INDEX steps_served ON steps (kind, owner_id, dispatched_at) WHERE dispatched_at IS NOT NULL;

CREATE TABLE workers (
    id      text PRIMARY KEY CHECK (id <> ''),
    kind    text NOT NULL,
    slots   int NOT NULL CHECK (slots >= 0),
    models  text[] NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now()
);

-- Prefixes of objects nobody needs any more. The check keeps a mistake from
-- sweeping more than one transcription.
CREATE TABLE garbage (
    prefix      text PRIMARY KEY CHECK (prefix ~ '^u/[0-9a-f-]{36}/[0-9a-f-]{36}/' AND prefix LIKE '%/'),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    due_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX garbage_due ON garbage (due_at, prefix);

CREATE TABLE queue_epoch (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    epoch  text NOT NULL
);
