ALTER TABLE request_batches DROP COLUMN rows_digest;
