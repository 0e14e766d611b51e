-- Calls that were decided: who, what, when, with which result, at what cost, and why. One row a request, written in
-- batches. Never a bearer, never a query string.
--
-- A request id is a UUIDv7 and says the moment of its request: a lookup reads a second of the key below, which touches
-- one partition, or two about midnight. The same key serves time, so there is no other index on it.
CREATE TABLE request_log (
    ts               timestamptz NOT NULL,
    request_id       uuid NOT NULL,
    -- What it was written with, see request_batches.
    batch_id         uuid NOT NULL,
    account_id       uuid,
    principal_id     uuid,
    credential_id    uuid,
    token_id         uuid,
    client_id        uuid,
    service_id       uuid,
    method           text NOT NULL,
    -- Without its query.
    path             text NOT NULL,
    route            text,
    status_code      smallint NOT NULL,
    error_code       text,
    decision         text NOT NULL CHECK (decision IN ('allow', 'deny', 'limit', 'error')),
    -- What it was decided by, such as the name of a limit.
    policy           text,
    -- Every check in order with its outcome, and the state of the limits then: see src/traffic/story.rs.
    checks           jsonb NOT NULL,
    limits           jsonb NOT NULL,
    response_time_ms integer NOT NULL,
    upstream_ms      integer,
    bytes_in         bigint NOT NULL,
    bytes_out        bigint NOT NULL,
    cost_units       bigint NOT NULL,
    ip_address       text,
    user_agent       text,
    trace_id         text,
    PRIMARY KEY (ts, request_id)
) PARTITION BY RANGE (ts);

CREATE INDEX request_log_account ON request_log (account_id, ts DESC);
CREATE INDEX request_log_service ON request_log (service_id, ts DESC);
CREATE INDEX request_log_refused ON request_log (ts DESC) WHERE status_code >= 400;

-- What was written together. A row here says that the batch is in, so that it is not written twice when the answer to
-- its commit was lost; and its digest, chained to that of the batch before, is what `traffic.sealed` vouches for.
CREATE TABLE request_batches (
    at         timestamptz NOT NULL,
    id         uuid NOT NULL,
    -- The chain it is part of, and its place there.
    seal_id    uuid NOT NULL,
    place      integer NOT NULL,
    -- How many rows of the request log it has, and from when to when.
    logged     integer NOT NULL,
    first_ts   timestamptz NOT NULL,
    last_ts    timestamptz NOT NULL,
    digest     bytea NOT NULL,
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);

-- Append-only, as the events are.
CREATE FUNCTION refuse_change_of_traffic() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the request log is append-only';
END
$$;
CREATE TRIGGER request_log_append_only BEFORE UPDATE OR DELETE ON request_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_traffic();
CREATE TRIGGER request_log_no_truncate BEFORE TRUNCATE ON request_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_traffic();
CREATE TRIGGER request_batches_append_only BEFORE UPDATE OR DELETE ON request_batches
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_traffic();
CREATE TRIGGER request_batches_no_truncate BEFORE TRUNCATE ON request_batches
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_traffic();

-- How much was asked, by minute, hour and day: a table each, since each is kept for another while. Whoever is not known
-- is the nil UUID, so that there is one row of them as well; the view below calls it NULL.
CREATE TABLE usage_minutes (
    bucket         timestamptz NOT NULL,
    account_id     uuid NOT NULL,
    credential_id  uuid NOT NULL,
    service_id     uuid NOT NULL,
    requests       bigint NOT NULL,
    -- Answered with 400 or more; those that a limit refused are among them.
    errors         bigint NOT NULL,
    limited        bigint NOT NULL,
    cost_units     bigint NOT NULL,
    bytes_in       bigint NOT NULL,
    bytes_out      bigint NOT NULL,
    latency_ms_sum bigint NOT NULL,
    -- How many took how long: the bounds are in src/traffic/latency.rs.
    latency_hist   bigint[] NOT NULL CHECK (cardinality(latency_hist) = 16),
    PRIMARY KEY (bucket, account_id, credential_id, service_id)
) PARTITION BY RANGE (bucket);
CREATE TABLE usage_hours (LIKE usage_minutes INCLUDING ALL) PARTITION BY RANGE (bucket);
-- For ever, so without partitions.
CREATE TABLE usage_days (LIKE usage_minutes INCLUDING ALL) WITH (fillfactor = 60);

CREATE VIEW usage_rollups AS
    SELECT rollup.bucket, rollup.grain,
           nullif(account_id, '00000000-0000-0000-0000-000000000000') AS account_id,
           nullif(credential_id, '00000000-0000-0000-0000-000000000000') AS credential_id,
           nullif(service_id, '00000000-0000-0000-0000-000000000000') AS service_id,
           requests, errors, limited, cost_units, bytes_in, bytes_out, latency_ms_sum, latency_hist
    FROM (SELECT 'minute' AS grain, m.* FROM usage_minutes m
          UNION ALL SELECT 'hour', h.* FROM usage_hours h
          UNION ALL SELECT 'day', d.* FROM usage_days d) rollup;

CREATE VIEW api_audit_log AS
    SELECT method, path, status_code, response_time_ms, ip_address, user_agent, ts AS "timestamp", cost_units,
           request_id, account_id, principal_id, credential_id, client_id, service_id, decision
    FROM request_log;

INSERT INTO partition_plans (parent, grain, ahead, keep, fillfactor) VALUES
    ('request_log', 'day', '4 days', '90 days', NULL),
    ('request_batches', 'day', '4 days', '90 days', NULL),
    ('usage_minutes', 'day', '4 days', '7 days', 60),
    ('usage_hours', 'month', '1 month', '90 days', 60);

-- Has calls kept for as long as an operator wants. (By the owner's right, and of nothing else: a server may work as a role
-- that only reads the plans.)
CREATE FUNCTION keep_calls(days integer) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE partition_plans SET keep = make_interval(days => days)
        WHERE parent IN ('request_log', 'request_batches') AND keep IS DISTINCT FROM make_interval(days => days)
$$;
REVOKE EXECUTE ON FUNCTION keep_calls(integer) FROM PUBLIC;
