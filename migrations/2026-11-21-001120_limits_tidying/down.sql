DROP FUNCTION tidy_counters;

-- Empties the slots in which nothing counts any more. Whoever comes second leaves it to the first, and whoever comes just
-- before the next slot begins leaves it to the next time: it is that one which would be emptied.
CREATE FUNCTION tidy_counters() RETURNS void LANGUAGE plpgsql VOLATILE SET lock_timeout = '1s' AS $$
DECLARE
    is_long boolean;
    slot smallint;
    child text;
    is_used boolean;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('grantor.tidy_counters')) THEN
        RETURN;
    END IF;
    FOREACH is_long IN ARRAY ARRAY[false, true] LOOP
        slot := counter_slot(is_long, counters_now());
        CONTINUE WHEN slot <> counter_slot(is_long, counters_now() + 60000000);
        child := CASE WHEN is_long THEN 'quota_counters_' ELSE 'rate_counters_' END || (slot + 1) % 3;
        EXECUTE format('SELECT EXISTS (SELECT FROM partitions.%I)', child) INTO is_used;
        IF is_used THEN
            EXECUTE format('TRUNCATE partitions.%I', child);
        END IF;
    END LOOP;
END
$$;
