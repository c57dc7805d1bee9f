DROP INDEX transcriptions_of_duration;
DROP INDEX transcriptions_at_hand;
DROP INDEX transcriptions_archived;
DROP INDEX transcriptions_in_no_folder;
DROP INDEX transcriptions_of_language;
DROP INDEX transcriptions_of_status;
