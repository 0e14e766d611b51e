-- Empties the slots in which nothing counts any more. Whoever comes second leaves it to the first, and whoever comes just
-- before the next slot begins leaves it to the next time: it is that one which would be emptied.
--
-- By the owner's right: a server may work as a role that owns nothing. Whoever counts would wait behind whoever waits for a
-- table, so nobody waits for longer than a call can: where somebody else reads, as a backup does, it is left to the next
-- time.
CREATE OR REPLACE FUNCTION tidy_counters() RETURNS void LANGUAGE plpgsql VOLATILE
    SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '5ms' AS $$
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
            BEGIN
                EXECUTE format('TRUNCATE partitions.%I', child);
            EXCEPTION WHEN lock_not_available THEN
                NULL;
            END;
        END IF;
    END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION tidy_counters() FROM PUBLIC;
