-- Requests that are done once however often they are sent (Idempotency-Key). A row is written in the transaction of the
-- act itself, and gets the answer once there is one: a row without an answer is under way, or its server died then.
--
-- Rows of different days lie in different partitions, so no index sees to it that there is one of a key: whoever writes
-- holds an advisory lock on it (src/audit/claims/store.rs).
CREATE TABLE idempotency_keys (
    caller_id   uuid NOT NULL,
    key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    at          timestamptz NOT NULL,
    -- What was asked: SHA-256 over the bearer, the method, the address and the body.
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    -- The request that did it.
    attempt_id  uuid NOT NULL,
    -- The answer, without what is told once. A body of NULL is none.
    status      smallint,
    etag        text,
    body        jsonb,
    PRIMARY KEY (caller_id, key, at)
) PARTITION BY RANGE (at);

-- A key is good for a day.
INSERT INTO partition_plans (parent, grain, ahead, keep) VALUES ('idempotency_keys', 'day', '2 days', '2 days');
