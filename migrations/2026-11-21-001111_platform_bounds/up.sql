-- What a server that owns nothing may have done by its owner's right is bounded here: whoever takes such a server over
-- may neither shorten how long calls are kept, nor fill the database with partitions.

-- Makes one child, of the time that begins on this day; whether it was missing.
CREATE FUNCTION make_partition(plan partition_plans, lower date) RETURNS boolean LANGUAGE plpgsql
    SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
    child text := plan.parent || '_' || to_char(lower, 'YYYYMMDD');
    guard record;
BEGIN
    IF to_regclass(format('partitions.%I', child)) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- Made apart and then attached, which lets the parent be read and written meanwhile.
    EXECUTE format('CREATE TABLE partitions.%I (LIKE public.%I INCLUDING ALL)', child, plan.parent);
    IF plan.fillfactor IS NOT NULL THEN
        EXECUTE format('ALTER TABLE partitions.%I SET (fillfactor = %s)', child, plan.fillfactor);
    END IF;
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION partitions.%I FOR VALUES FROM (%L) TO (%L)',
                   plan.parent, child, lower, (lower + ('1 ' || plan.grain)::interval)::date);
    -- A child inherits its parent's row triggers, but not those that refuse TRUNCATE (32).
    FOR guard IN SELECT tgname, tgfoid::regproc AS does FROM pg_trigger
                 WHERE tgrelid = to_regclass(format('public.%I', plan.parent))
                   AND NOT tgisinternal AND tgtype & 32 <> 0 LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON partitions.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION %s()', guard.tgname, child, guard.does);
    END LOOP;
    RETURN true;
END
$$;
REVOKE EXECUTE ON FUNCTION make_partition(partition_plans, date) FROM PUBLIC;

CREATE OR REPLACE FUNCTION make_partitions(today date) RETURNS integer LANGUAGE plpgsql
    SECURITY DEFINER SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
    plan  partition_plans;
    lower date;
    made  integer := 0;
BEGIN
    IF (abs(today - current_date) <= 14610) IS NOT TRUE THEN
        RAISE EXCEPTION 'no partitions are made of %: that is not within forty years', today;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('grantor.make_partitions'));
    FOR plan IN SELECT * FROM partition_plans ORDER BY parent LOOP
        -- A day back, for a node whose clock is a little behind.
        lower := date_trunc(plan.grain, today - 1)::date;
        WHILE lower <= today + plan.ahead LOOP
            made := made + make_partition(plan, lower)::integer;
            lower := (lower + ('1 ' || plan.grain)::interval)::date;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

-- The longest life is that of a refresh token, a year, and some days are made to spare.
CREATE OR REPLACE FUNCTION reach_ahead(days integer, today date) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (days BETWEEN 1 AND 400) IS NOT TRUE THEN
        RAISE EXCEPTION 'nothing lives for % days', days;
    END IF;
    UPDATE partition_plans SET ahead = make_interval(days => days)
        WHERE lives_as = 'refresh_token' AND ahead < make_interval(days => days);
    IF FOUND THEN
        PERFORM make_partitions(today);
    END IF;
END
$$;

-- Whoever does not own the plans may have calls kept for longer, and no less: what they wrote would be dropped.
CREATE OR REPLACE FUNCTION keep_calls(days integer) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (days BETWEEN 2 AND 1000000) IS NOT TRUE THEN
        RAISE EXCEPTION 'calls cannot be kept for % days', days;
    END IF;
    UPDATE partition_plans SET keep = make_interval(days => days)
        WHERE parent IN ('request_log', 'request_batches') AND keep IS DISTINCT FROM make_interval(days => days)
          AND (keep < make_interval(days => days) OR pg_has_role(session_user, (
              SELECT relowner FROM pg_class WHERE oid = 'public.partition_plans'::regclass), 'MEMBER'));
END
$$;
