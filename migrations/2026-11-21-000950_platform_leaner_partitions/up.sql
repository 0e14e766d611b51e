-- A row that is written again soon finds room in its own page, and no index hears of it (a HOT update).
ALTER TABLE partition_plans ADD COLUMN fillfactor integer CHECK (fillfactor BETWEEN 10 AND 100);
-- Whose life its rows share, where settings and registrations say how long that is: `ahead` is raised to it. Every
-- partition costs every statement a little, so there are no more of them than somebody's life asks for.
ALTER TABLE partition_plans ADD COLUMN lives_as text CHECK (lives_as IN ('refresh_token'));

CREATE OR REPLACE FUNCTION make_partitions(today date) RETURNS integer LANGUAGE plpgsql
    SET timezone = 'UTC' AS $$
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

-- Has the rows of a life so long find their partitions. What was reached once is kept: another node or client may need
-- it. (By the owner's right: a server may work as a role that only reads the plans.)
CREATE FUNCTION reach_ahead(days integer, today date) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE partition_plans SET ahead = make_interval(days => days)
        WHERE lives_as = 'refresh_token' AND ahead < make_interval(days => days);
    IF FOUND THEN
        PERFORM make_partitions(today);
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION reach_ahead(integer, date) FROM PUBLIC;

UPDATE partition_plans SET fillfactor = 60 WHERE parent IN ('authorization_codes', 'refresh_tokens', 'refresh_answers');
UPDATE partition_plans SET lives_as = 'refresh_token', ahead = (
        SELECT make_interval(days => 39 + coalesce(max(refresh_token_lifetime), 0) / 86400) FROM clients)
    WHERE parent IN ('families', 'authorization_codes', 'refresh_tokens');
-- An access token lives for a day at most.
UPDATE partition_plans SET ahead = '4 days' WHERE parent = 'access_tokens';

DO $$
DECLARE
    child regclass;
BEGIN
    FOR child IN SELECT i.inhrelid FROM pg_inherits i
                 WHERE i.inhparent IN ('authorization_codes'::regclass, 'refresh_tokens'::regclass,
                                       'refresh_answers'::regclass) LOOP
        EXECUTE format('ALTER TABLE %s %s', child, 'SET (fillfactor = 60)');
    END LOOP;
END
$$;
