-- Since when a row is counted, in microseconds: what is given back into one that was forgotten meanwhile, by a reset or by a
-- crash, would take off what others used since.
ALTER TABLE rate_counters ADD COLUMN born bigint NOT NULL DEFAULT 0;
ALTER TABLE quota_counters ADD COLUMN born bigint NOT NULL DEFAULT 0;

-- Those of the version before, which take and give back other columns, stay: its nodes count by them until they are replaced.

-- Takes what was not used off the cells it was taken from. Each counter and cell is named once. A row that is younger counts
-- nothing of it: the one that did was forgotten.
CREATE FUNCTION subtract_limits(keys uuid[], cells bigint[], borns bigint[], amounts bigint[]) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE rate_counters r SET used = greatest(r.used - b.amount, 0)
        FROM unnest(keys, cells, borns, amounts) AS b (key, cell, born, amount)
        WHERE r.key = b.key AND r.cell = b.cell AND r.born = b.born;
    UPDATE quota_counters r SET used = greatest(r.used - b.amount, 0)
        FROM unnest(keys, cells, borns, amounts) AS b (key, cell, born, amount)
        WHERE r.key = b.key AND r.cell = b.cell AND r.born = b.born;
END
$$;

-- Takes what many calls ask of their limits, each call all of it or nothing, one call after the other.
--
-- The first arrays are about counters, each named once; the others about asks, those of a call together: `counters` and
-- `calls` number both. One answer an ask, in order; `cells` is what stood there before, as `cell:used` with commas. The last
-- arrays are what goes back first, into counters that are named.
CREATE FUNCTION take_limits(
    keys uuid[], kinds text[], units_us bigint[], befores bigint[], are_long boolean[],
    calls integer[], counters integer[], quotas bigint[], amounts bigint[], at_mosts bigint[], shares bigint[],
    warns boolean[], takes boolean[], back_keys uuid[], back_cells bigint[], back_borns bigint[], backs bigint[])
    RETURNS TABLE (fits boolean, beyond bigint, used bigint, milestone integer, born bigint, now_us bigint, cells text)
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    -- Of each counter: its cell, its slot, what counts, what of that is in its cell, since when, what was told there.
    cell_of bigint[];
    slot_of smallint[];
    counting bigint[];
    here bigint[];
    born_of bigint[];
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
    IF cardinality(back_keys) > 0 THEN
        PERFORM subtract_limits(back_keys, back_cells, back_borns, backs);
    END IF;

    SELECT array_agg(c.cell ORDER BY k.i), array_agg(counter_slot(k.is_long, c.begins_us) ORDER BY k.i),
           array_agg(coalesce(seen.counting, 0) ORDER BY k.i), array_agg(coalesce(seen.here, 0) ORDER BY k.i),
           array_agg(coalesce(seen.born, at_us) ORDER BY k.i), array_agg(coalesce(seen.told, 0::smallint) ORDER BY k.i),
           array_agg(coalesce(seen.cells, '') ORDER BY k.i)
        INTO cell_of, slot_of, counting, here, born_of, told_of, before_of
        FROM unnest(keys, kinds, units_us, befores, are_long) WITH ORDINALITY
                AS k (key, kind, unit_us, before, is_long, i)
        CROSS JOIN LATERAL counter_cell(k.kind, k.unit_us, at_us) AS c
        CROSS JOIN LATERAL (
            -- A bucket may be in two slots; the later word counts. A clock that went back sees what is to come.
            SELECT CASE k.kind WHEN 'b' THEN max(r.used) ELSE sum(r.used)::bigint END AS counting,
                   max(r.used) FILTER (WHERE r.cell = c.cell) AS here, max(r.told) FILTER (WHERE r.cell = c.cell) AS told,
                   max(r.born) FILTER (WHERE r.cell = c.cell) AS born,
                   string_agg(r.cell || ':' || r.used, ',' ORDER BY r.used DESC) AS cells
            FROM (SELECT s.cell, s.used, s.told, s.born FROM rate_counters s WHERE NOT k.is_long AND s.key = k.key
                         AND s.cell BETWEEN c.cell - k.before AND c.cell + k.before
                  UNION ALL
                  SELECT l.cell, l.used, l.told, l.born FROM quota_counters l WHERE k.is_long AND l.key = k.key
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
            born := born_of[c];
            now_us := at_us;
            cells := before_of[c];
            RETURN NEXT;
        END LOOP;
        first := last;
    END LOOP;

    INSERT INTO rate_counters SELECT slot_of[i], keys[i], cell_of[i], here[i], told_of[i], born_of[i]
        FROM generate_subscripts(keys, 1) AS i WHERE changed[i] AND NOT are_long[i]
        ON CONFLICT (key, cell, slot) DO UPDATE SET used = excluded.used, told = excluded.told;
    INSERT INTO quota_counters SELECT slot_of[i], keys[i], cell_of[i], here[i], told_of[i], born_of[i]
        FROM generate_subscripts(keys, 1) AS i WHERE changed[i] AND are_long[i]
        ON CONFLICT (key, cell, slot) DO UPDATE SET used = excluded.used, told = excluded.told;
END
$$;

-- Takes back what was not used, from the cells it was taken from. Locks are dear, and only for rows that there are.
CREATE FUNCTION give_back_limits(keys uuid[], cells bigint[], borns bigint[], amounts bigint[]) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_advisory_xact_lock(lock)
        FROM (SELECT uuid_hash_extended(b.key, 0) AS lock FROM unnest(keys, cells, borns) AS b (key, cell, born)
              WHERE EXISTS (SELECT FROM rate_counters r WHERE r.key = b.key AND r.cell = b.cell AND r.born = b.born)
                 OR EXISTS (SELECT FROM quota_counters r WHERE r.key = b.key AND r.cell = b.cell AND r.born = b.born)
              ORDER BY 1) AS locks;
    PERFORM subtract_limits(keys, cells, borns, amounts);
END
$$;

-- Forgets what was used under these keys.
CREATE OR REPLACE FUNCTION reset_limits(keys uuid[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(lock)
        FROM (SELECT uuid_hash_extended(key, 0) AS lock FROM unnest(keys) AS key ORDER BY 1) AS locks;
    UPDATE rate_counters SET used = 0, told = 0, born = counters_now() WHERE key = ANY (keys);
    UPDATE quota_counters SET used = 0, told = 0, born = counters_now() WHERE key = ANY (keys);
END
$$;
