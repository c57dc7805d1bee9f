-- New words go into the index at once: a list of those that wait is read by every search.
ALTER INDEX transcriptions_search SET (fastupdate = off);
ALTER INDEX transcriptions_speakers SET (fastupdate = off);
ALTER INDEX files_name SET (fastupdate = off);
SELECT gin_clean_pending_list('transcriptions_search'), gin_clean_pending_list('transcriptions_speakers'), gin_clean_pending_list('files_name');

-- It catches exceptions, which a parallel worker cannot.
ALTER FUNCTION search_vector PARALLEL UNSAFE;
