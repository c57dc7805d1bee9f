DROP STATISTICS IF EXISTS transcriptions_tags;
