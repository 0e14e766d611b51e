DROP FUNCTION take_limits (uuid[], text[], bigint[], bigint[], boolean[], integer[], integer[], bigint[], bigint[],
    bigint[], bigint[], boolean[], boolean[], uuid[], bigint[], bigint[], bigint[]);
DROP FUNCTION give_back_limits (uuid[], bigint[], bigint[], bigint[]);
DROP FUNCTION subtract_limits;
ALTER TABLE rate_counters DROP COLUMN born;
ALTER TABLE quota_counters DROP COLUMN born;

CREATE OR REPLACE FUNCTION reset_limits(keys uuid[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(lock)
        FROM (SELECT uuid_hash_extended(key, 0) AS lock FROM unnest(keys) AS key ORDER BY 1) AS locks;
    UPDATE rate_counters SET used = 0, told = 0 WHERE key = ANY (keys);
    UPDATE quota_counters SET used = 0, told = 0 WHERE key = ANY (keys);
END
$$;
