-- Plain introspections: how often an account's clients asked whether a token is good. They are no calls, and so no part of
-- `requests`; whose token it was is not counted, since there would be a row for every person in every minute.
ALTER TABLE usage_minutes ADD COLUMN introspections bigint NOT NULL DEFAULT 0;
ALTER TABLE usage_hours ADD COLUMN introspections bigint NOT NULL DEFAULT 0;
ALTER TABLE usage_days ADD COLUMN introspections bigint NOT NULL DEFAULT 0;

CREATE OR REPLACE VIEW usage_rollups AS
    SELECT rollup.bucket, rollup.grain,
           nullif(account_id, '00000000-0000-0000-0000-000000000000') AS account_id,
           nullif(credential_id, '00000000-0000-0000-0000-000000000000') AS credential_id,
           nullif(service_id, '00000000-0000-0000-0000-000000000000') AS service_id,
           requests, errors, limited, cost_units, bytes_in, bytes_out, latency_ms_sum, latency_hist, introspections
    FROM (SELECT 'minute' AS grain, m.* FROM usage_minutes m
          UNION ALL SELECT 'hour', h.* FROM usage_hours h
          UNION ALL SELECT 'day', d.* FROM usage_days d) rollup;
