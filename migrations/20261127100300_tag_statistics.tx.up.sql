-- The planner keeps no account of how frequent elements are in what an index computes, and took every tag for rare: a list of
-- what a common one has was read whole, and sorted.
CREATE STATISTICS IF NOT EXISTS transcriptions_tags ON (lower_all(tags)) FROM transcriptions;
ANALYZE transcriptions;
