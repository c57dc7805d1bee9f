ALTER FUNCTION search_vector PARALLEL SAFE;
ALTER INDEX files_name RESET (fastupdate);
ALTER INDEX transcriptions_speakers RESET (fastupdate);
ALTER INDEX transcriptions_search RESET (fastupdate);
