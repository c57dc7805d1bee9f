-- Why a worker cannot use model files that it has: codes by model.
ALTER TABLE workers ADD COLUMN refused jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(refused) = 'object');
