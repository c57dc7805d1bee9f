-- When a scheduler was last heard of: all of them, whichever leads, report here.
CREATE TABLE scheduler (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    seen_at timestamptz NOT NULL DEFAULT now()
);
