-- What was used of limits, in cells of time; `limits/stores/measure.rs` says what they mean. Counters of windows up to an
-- hour are lost when Postgres crashes, and cost no log; those of longer ones are kept.
--
-- Old cells leave by truncation. A cell lies in one of three slots, by when it begins; a slot is as long as any of its
-- cells counts after its end at most. So there are the slot at hand, the one before, and one that is emptied
-- (`tidy_counters`). A cell that is left standing because nobody tidied counts no more than one that is gone.
CREATE TABLE rate_counters (
    slot smallint NOT NULL,
    key  uuid NOT NULL,
    cell bigint NOT NULL,
    -- Of a bucket: when it will be full again, in microseconds.
    used bigint NOT NULL,
    -- The percentage of its quota that was told.
    told smallint NOT NULL,
    PRIMARY KEY (key, cell, slot)
) PARTITION BY LIST (slot);
CREATE TABLE quota_counters (LIKE rate_counters INCLUDING ALL) PARTITION BY LIST (slot);

CREATE UNLOGGED TABLE partitions.rate_counters_0 PARTITION OF rate_counters FOR VALUES IN (0) WITH (fillfactor = 50);
CREATE UNLOGGED TABLE partitions.rate_counters_1 PARTITION OF rate_counters FOR VALUES IN (1) WITH (fillfactor = 50);
CREATE UNLOGGED TABLE partitions.rate_counters_2 PARTITION OF rate_counters FOR VALUES IN (2) WITH (fillfactor = 50);
CREATE TABLE partitions.quota_counters_0 PARTITION OF quota_counters FOR VALUES IN (0) WITH (fillfactor = 50);
CREATE TABLE partitions.quota_counters_1 PARTITION OF quota_counters FOR VALUES IN (1) WITH (fillfactor = 50);
CREATE TABLE partitions.quota_counters_2 PARTITION OF quota_counters FOR VALUES IN (2) WITH (fillfactor = 50);

-- Microseconds of UTC.
CREATE FUNCTION counters_now() RETURNS bigint LANGUAGE sql VOLATILE
    RETURN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;

-- The slot of a cell that begins then: of two hours, or of forty days.
CREATE FUNCTION counter_slot(is_long boolean, begins_us bigint) RETURNS smallint LANGUAGE sql IMMUTABLE
    RETURN (begins_us / CASE WHEN is_long THEN 3456000000000 ELSE 7200000000 END % 3)::smallint;

-- The cell of a moment, and when it begins. Of kind `c`: cells of a length; `m`: months; `b`: a bucket, which has one.
CREATE FUNCTION counter_cell(kind text, unit_us bigint, at_us bigint, OUT cell bigint, OUT begins_us bigint)
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    at timestamp;
BEGIN
    IF kind = 'c' THEN
        cell := at_us / unit_us;
        begins_us := cell * unit_us;
    ELSIF kind = 'm' THEN
        at := timestamp 'epoch' + at_us * interval '1 microsecond';
        cell := date_part('year', at)::bigint * 12 + date_part('month', at)::bigint - 1;
        begins_us := (extract(epoch FROM date_trunc('month', at)) * 1000000)::bigint;
    ELSE
        cell := 0;
        begins_us := at_us;
    END IF;
END
$$;

-- Takes what many calls ask of their limits, each call all of it or nothing, one call after the other.
--
-- The first arrays are about counters, each named once; the others about asks, those of a call together: `counters` and
-- `calls` number both. One answer an ask, in order; `cells` is what stood there before, as `cell:used` with commas.
CREATE FUNCTION take_limits(
    keys uuid[], kinds text[], units_us bigint[], befores bigint[], are_long boolean[],
    calls integer[], counters integer[], quotas bigint[], amounts bigint[], at_mosts bigint[], shares bigint[],
    warns boolean[], takes boolean[])
    RETURNS TABLE (fits boolean, beyond bigint, used bigint, milestone integer, now_us bigint, cells text)
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    -- Of each counter: its cell, its slot, what counts, what of that is in its cell, what was told there.
    cell_of bigint[];
    slot_of smallint[];
    counting bigint[];
    here bigint[];
    told_of smallint[];
    before_of text[];
    changed boolean[] := array_fill(false, ARRAY[cardinality(keys)]);
    -- Of each ask of the call at hand.
    fit boolean[];
    all_fit boolean;
    at_us bigint;
    first integer := 1;
    last integer;
    c integer;
    percent integer;
BEGIN
    -- What is counted here is not worth waiting for a disk.
    PERFORM set_config('synchronous_commit', 'off', true);
    -- One after the other at each counter, in the same order for all. The clock is read when nobody else counts.
    PERFORM pg_advisory_xact_lock(lock)
        FROM (SELECT uuid_hash_extended(key, 0) AS lock FROM unnest(keys) AS key ORDER BY 1) AS locks;
    at_us := counters_now();

    SELECT array_agg(c.cell ORDER BY k.i), array_agg(counter_slot(k.is_long, c.begins_us) ORDER BY k.i),
           array_agg(coalesce(seen.counting, 0) ORDER BY k.i), array_agg(coalesce(seen.here, 0) ORDER BY k.i),
           array_agg(coalesce(seen.told, 0::smallint) ORDER BY k.i), array_agg(coalesce(seen.cells, '') ORDER BY k.i)
        INTO cell_of, slot_of, counting, here, told_of, before_of
        FROM unnest(keys, kinds, units_us, befores, are_long) WITH ORDINALITY
                AS k (key, kind, unit_us, before, is_long, i)
        CROSS JOIN LATERAL counter_cell(k.kind, k.unit_us, at_us) AS c
        CROSS JOIN LATERAL (
            -- A bucket may be in two slots; the later word counts. A clock that went back sees what is to come.
            SELECT CASE k.kind WHEN 'b' THEN max(r.used) ELSE sum(r.used)::bigint END AS counting,
                   max(r.used) FILTER (WHERE r.cell = c.cell) AS here, max(r.told) FILTER (WHERE r.cell = c.cell) AS told,
                   string_agg(r.cell || ':' || r.used, ',' ORDER BY r.used DESC) AS cells
            FROM (SELECT s.cell, s.used, s.told FROM rate_counters s WHERE NOT k.is_long AND s.key = k.key
                         AND s.cell BETWEEN c.cell - k.before AND c.cell + k.before
                  UNION ALL
                  SELECT l.cell, l.used, l.told FROM quota_counters l WHERE k.is_long AND l.key = k.key
                         AND l.cell BETWEEN c.cell - k.before AND c.cell + k.before) AS r) AS seen;

    WHILE first <= cardinality(calls) LOOP
        last := first;
        all_fit := true;
        WHILE calls[last] = calls[first] LOOP
            c := counters[last];
            fit[last] := CASE kinds[c]
                WHEN 'b' THEN greatest(counting[c], at_us) - at_us + amounts[last] * units_us[c]
                              <= quotas[last] * units_us[c]
                ELSE counting[c] + amounts[last] <= quotas[last] END;
            all_fit := all_fit AND fit[last];
            last := last + 1;
        END LOOP;
        FOR a IN first .. last - 1 LOOP
            c := counters[a];
            fits := fit[a];
            beyond := 0;
            milestone := 0;
            IF all_fit AND takes[a] THEN
                changed[c] := true;
                IF kinds[c] = 'b' THEN
                    counting[c] := greatest(counting[c], at_us) + amounts[a] * units_us[c];
                    here[c] := counting[c];
                ELSE
                    beyond := greatest(0, least(at_mosts[a],
                                                (quotas[a] - counting[c] - amounts[a]) / greatest(shares[a], 1)));
                    counting[c] := counting[c] + amounts[a] + beyond;
                    here[c] := here[c] + amounts[a] + beyond;
                END IF;
            END IF;
            IF warns[a] AND takes[a] THEN
                percent := CASE WHEN NOT fits OR counting[c] >= quotas[a] THEN 100
                                WHEN counting[c] * 5 >= quotas[a] * 4 THEN 80 ELSE 0 END;
                IF percent > told_of[c] THEN
                    told_of[c] := percent;
                    changed[c] := true;
                    milestone := percent;
                END IF;
            END IF;
            used := counting[c];
            now_us := at_us;
            cells := before_of[c];
            RETURN NEXT;
        END LOOP;
        first := last;
    END LOOP;

    INSERT INTO rate_counters SELECT slot_of[i], keys[i], cell_of[i], here[i], told_of[i]
        FROM generate_subscripts(keys, 1) AS i WHERE changed[i] AND NOT are_long[i]
        ON CONFLICT (key, cell, slot) DO UPDATE SET used = excluded.used, told = excluded.told;
    INSERT INTO quota_counters SELECT slot_of[i], keys[i], cell_of[i], here[i], told_of[i]
        FROM generate_subscripts(keys, 1) AS i WHERE changed[i] AND are_long[i]
        ON CONFLICT (key, cell, slot) DO UPDATE SET used = excluded.used, told = excluded.told;
END
$$;

-- Takes back what was not used, from the cells it was taken from. Each counter and cell is named once.
CREATE FUNCTION give_back_limits(keys uuid[], cells bigint[], amounts bigint[]) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_advisory_xact_lock(lock)
        FROM (SELECT uuid_hash_extended(key, 0) AS lock FROM unnest(keys) AS key ORDER BY 1) AS locks;
    UPDATE rate_counters r SET used = greatest(r.used - b.amount, 0)
        FROM unnest(keys, cells, amounts) AS b (key, cell, amount) WHERE r.key = b.key AND r.cell = b.cell;
    UPDATE quota_counters r SET used = greatest(r.used - b.amount, 0)
        FROM unnest(keys, cells, amounts) AS b (key, cell, amount) WHERE r.key = b.key AND r.cell = b.cell;
END
$$;

-- Forgets what was used under these keys.
CREATE FUNCTION reset_limits(keys uuid[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(lock)
        FROM (SELECT uuid_hash_extended(key, 0) AS lock FROM unnest(keys) AS key ORDER BY 1) AS locks;
    UPDATE rate_counters SET used = 0, told = 0 WHERE key = ANY (keys);
    UPDATE quota_counters SET used = 0, told = 0 WHERE key = ANY (keys);
END
$$;

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
