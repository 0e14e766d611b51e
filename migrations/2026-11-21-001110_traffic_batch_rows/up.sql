-- The digest of a batch's rows beside that of its chain: the chain can be followed when the rows left with their day, and
-- the digest of such a batch covers its times, its place and its number as well (src/traffic/seal.rs). NULL: it was
-- written before, and its digest covers its rows only.
ALTER TABLE request_batches ADD COLUMN rows_digest bytea CHECK (octet_length(rows_digest) = 32);
