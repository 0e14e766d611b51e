CREATE OR REPLACE FUNCTION make_partitions(today date) RETURNS integer LANGUAGE plpgsql
    SECURITY DEFINER SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
    plan  partition_plans;
    lower date;
    upper date;
    child text;
    guard record;
    made  integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('grantor.make_partitions'));
    FOR plan IN SELECT * FROM partition_plans ORDER BY parent LOOP
        -- A day back, for a node whose clock is a little behind.
        lower := date_trunc(plan.grain, today - 1)::date;
        WHILE lower <= today + plan.ahead LOOP
            upper := (lower + ('1 ' || plan.grain)::interval)::date;
            child := plan.parent || '_' || to_char(lower, 'YYYYMMDD');
            IF to_regclass(format('partitions.%I', child)) IS NULL THEN
                -- Made apart and then attached, which lets the parent be read and written meanwhile.
                EXECUTE format('CREATE TABLE partitions.%I (LIKE public.%I INCLUDING ALL)', child, plan.parent);
                IF plan.fillfactor IS NOT NULL THEN
                    EXECUTE format('ALTER TABLE partitions.%I SET (fillfactor = %s)', child, plan.fillfactor);
                END IF;
                EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION partitions.%I FOR VALUES FROM (%L) TO (%L)',
                               plan.parent, child, lower, upper);
                -- A child inherits its parent's row triggers, but not those that refuse TRUNCATE (32).
                FOR guard IN SELECT tgname, tgfoid::regproc AS does FROM pg_trigger
                             WHERE tgrelid = to_regclass(format('public.%I', plan.parent))
                               AND NOT tgisinternal AND tgtype & 32 <> 0 LOOP
                    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON partitions.%I '
                                   'FOR EACH STATEMENT EXECUTE FUNCTION %s()', guard.tgname, child, guard.does);
                END LOOP;
                made := made + 1;
            END IF;
            lower := upper;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
DROP FUNCTION make_partition(partition_plans, date);

CREATE OR REPLACE FUNCTION reach_ahead(days integer, today date) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE partition_plans SET ahead = make_interval(days => days)
        WHERE lives_as = 'refresh_token' AND ahead < make_interval(days => days);
    IF FOUND THEN
        PERFORM make_partitions(today);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION keep_calls(days integer) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE partition_plans SET keep = make_interval(days => days)
        WHERE parent IN ('request_log', 'request_batches') AND keep IS DISTINCT FROM make_interval(days => days)
$$;
