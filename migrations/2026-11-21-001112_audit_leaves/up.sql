-- Events may be older than their seals: they were written before there was a chain, or are restored. Each month of events
-- has a partition for its leaves, so that nothing keeps the sealer from it.
CREATE FUNCTION make_leaves(month date) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
    day text := to_char(month, 'YYYYMMDD');
BEGIN
    IF to_regclass(format('partitions.%I', 'event_leaves_' || day)) IS NULL
       AND to_regclass(format('partitions.%I', 'events_' || day)) IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('grantor.make_partitions'));
        PERFORM make_partition(plan, month) FROM partition_plans plan WHERE parent = 'event_leaves';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION make_leaves(date) FROM PUBLIC;

SELECT make_leaves(to_date(right(child.relname, 8), 'YYYYMMDD'))
    FROM pg_inherits i JOIN pg_class child ON child.oid = i.inhrelid
    WHERE i.inhparent = 'events'::regclass AND child.relname ~ '^events_[0-9]{8}$';
