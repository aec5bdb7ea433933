-- Which totals of runs are inflated by rounds, and how much of a total is believed where they may be. Replaces a
-- function: safe on a live warehouse. Runs once; alembic keeps the record of that in usage.schema_version.

CREATE FUNCTION usage.total_of_rounds(tokens bigint[], outer_rounds text[], inner_rounds text[], ends timestamptz[])
RETURNS numeric LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
-- What Dify 0.13 to 1.0 makes of calls in iterations and loops: a round begins at the run's sum so far, and its own sum
-- is added to that as a whole. So each round makes twice the sum and what the round used.
DECLARE
    step record;
    place text;
    in_round boolean := false;
    before numeric := 0; -- the sum where the outer round began
    so_far numeric := 0;
BEGIN
    FOR step IN
        SELECT its.place, min(call.outer_round) IS NOT NULL AS in_round, min(call.inner_round) IS NOT NULL AS is_round,
               sum(call.tokens) AS used, max(max(call.ended)) OVER (PARTITION BY its.place) AS place_ended
        FROM unnest(tokens, outer_rounds, inner_rounds, ends) WITH ORDINALITY
             AS call (tokens, outer_round, inner_round, ended, number)
        CROSS JOIN LATERAL (
            SELECT coalesce(call.outer_round, call.inner_round || ' by itself', call.number::text) AS place,
                   coalesce(call.inner_round, call.number::text) AS inner_place
        ) AS its
        GROUP BY its.place, its.inner_place
        ORDER BY place_ended, its.place, max(call.ended)
    LOOP
        IF place IS DISTINCT FROM step.place THEN
            before := so_far + CASE WHEN in_round THEN before ELSE 0 END;
            so_far := before;
            place := step.place;
            in_round := step.in_round;
        END IF;
        so_far := so_far + step.used + CASE WHEN step.is_round THEN so_far ELSE 0 END;
        EXIT WHEN so_far > 1e19;
    END LOOP;
    RETURN so_far + CASE WHEN in_round THEN before ELSE 0 END;
END
$$;

CREATE FUNCTION usage.inflated(
    total bigint, tokens bigint[], iteration_rounds text[], loop_rounds text[], ends timestamptz[]
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
-- Whether a run's total is, to the token, what rounds make of its calls (each with its round and its end). Where no call
-- says in which round it was, any row of calls may have been rounds of one length; more than sixty are not tried.
BEGIN
    IF num_nonnulls(VARIADIC iteration_rounds) + num_nonnulls(VARIADIC loop_rounds) > 0 THEN
        RETURN total IN (usage.total_of_rounds(tokens, loop_rounds, iteration_rounds, ends),
                         usage.total_of_rounds(tokens, iteration_rounds, loop_rounds, ends));
    END IF;
    RETURN cardinality(tokens) <= 60 AND EXISTS (
        WITH up_to AS (
            SELECT row_number() OVER calls AS number, sum(call.tokens) OVER calls AS used
            FROM unnest(tokens, ends) AS call (tokens, ended)
            WINDOW calls AS (ORDER BY call.ended, call.tokens ROWS UNBOUNDED PRECEDING)
            UNION ALL SELECT 0, 0
        ), summed AS (
            SELECT array_agg(used ORDER BY number) AS used FROM up_to
        ), tried AS (
            -- Calls before the rounds, rounds, calls in each of them.
            SELECT s.used, p.before, r.rounds, l.length
            FROM summed s, generate_series(0, cardinality(tokens) - 1) AS p (before),
                 generate_series(1, cardinality(tokens) - p.before) AS r (rounds),
                 generate_series(1, (cardinality(tokens) - p.before) / r.rounds) AS l (length)
        )
        SELECT FROM tried t
        WHERE total = 2::numeric ^ t.rounds * t.used[t.before + 1]
                      + (SELECT sum(2::numeric ^ (t.rounds - i)
                                    * (t.used[t.before + i * t.length + 1] - t.used[t.before + (i - 1) * t.length + 1]))
                         FROM generate_series(1, t.rounds) AS i)
                      + t.used[cardinality(tokens) + 1] - t.used[t.before + t.rounds * t.length + 1]
    );
END
$$;

DROP FUNCTION usage.believed_residual(bigint, bigint, bigint, bigint, bigint, bigint, bigint);
CREATE FUNCTION usage.believed_residual(
    left_over bigint, parts bigint, containers bigint, largest_container bigint, leaves bigint, largest_leaf bigint,
    unsaid bigint, own_attempts boolean, is_inflated boolean
) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- How much of what a run's total says beyond its parts (leaves and workflow tools) attempts can explain that have no
    -- figures of their own. docs/counting.md has the reasons for each line.
    SELECT CASE
        WHEN left_over <= 0 THEN 0
        -- No leaf is left to hold the total against.
        WHEN leaves = 0 AND parts = 0 THEN left_over
        -- Containers are there, what they repeat is not yet.
        WHEN left_over = containers AND parts < largest_container THEN left_over
        WHEN is_inflated THEN 0
        -- Each attempt of this run would have a row of its own, and every row says what it used.
        WHEN own_attempts AND containers > 0 AND unsaid = 0 THEN 0
        -- Attempts that failed: each leaf was tried again as often as Dify allows, where containers may have inflated the
        -- total as often as it does by default; a leaf without figures used what the largest model takes at most.
        WHEN left_over <= parts * CASE WHEN containers > 0 THEN 2 ELSE 10 END
                          + unsaid * greatest(11 * largest_leaf, 200000) THEN left_over
        ELSE least(left_over, unsaid * largest_leaf)
    END
$$;
