-- Transcribe has two lanes, apart by what its workers decode on. lane is the one a
-- step was dispatched to last, model what it needs: of prepare what was asked for.
-- A step that was begun three times (worn) may be too much for a GPU.
ALTER TABLE steps
    ADD COLUMN model text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN lane  text NOT NULL DEFAULT '' CHECK (lane IN ('', 'cpu', 'gpu')),
    ADD COLUMN worn  boolean NOT NULL GENERATED ALWAYS AS (attempts >= 3) STORED;

DROP INDEX steps_waiting;
DROP INDEX steps_served;
CREATE INDEX steps_waiting ON steps (kind, owner_id, model, worn, transcription_id, run, index) WHERE state = 'waiting';
CREATE INDEX steps_served ON steps (kind, lane, owner_id, dispatched_at) WHERE dispatched_at IS NOT NULL;

-- spare are the models of a CPU worker that it may take from a GPU's backlog.
ALTER TABLE workers ADD COLUMN spare text[] NOT NULL DEFAULT '{}';
