DROP VIEW usage_rollups;
ALTER TABLE usage_minutes DROP COLUMN introspections;
ALTER TABLE usage_hours DROP COLUMN introspections;
ALTER TABLE usage_days DROP COLUMN introspections;
CREATE VIEW usage_rollups AS
    SELECT rollup.bucket, rollup.grain,
           nullif(account_id, '00000000-0000-0000-0000-000000000000') AS account_id,
           nullif(credential_id, '00000000-0000-0000-0000-000000000000') AS credential_id,
           nullif(service_id, '00000000-0000-0000-0000-000000000000') AS service_id,
           requests, errors, limited, cost_units, bytes_in, bytes_out, latency_ms_sum, latency_hist
    FROM (SELECT 'minute' AS grain, m.* FROM usage_minutes m
          UNION ALL SELECT 'hour', h.* FROM usage_hours h
          UNION ALL SELECT 'day', d.* FROM usage_days d) rollup;
