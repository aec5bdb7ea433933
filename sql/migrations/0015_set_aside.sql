-- What a source's row may hold, and how much of a run's own total is believed. Adds functions and a column with a
-- constant default: safe on a live table. Runs once; alembic keeps the record of that in usage.schema_version.

CREATE FUNCTION usage.shown(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- A hostile value as a person may read it: on one line, in visible characters, short.
    SELECT CASE WHEN value IS NULL THEN 'missing'
                WHEN length(value) > 40 THEN left(regexp_replace(value, '[^[:alnum:][:punct:] ]', '?', 'g'), 40) || '…'
                ELSE regexp_replace(value, '[^[:alnum:][:punct:] ]', '?', 'g') END
$$;

CREATE FUNCTION usage.can_count(tokens numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Whether a number can be a count of tokens: no sum of such counts leaves bigint.
    SELECT coalesce(tokens >= 0 AND tokens <= 1000000000000, false)
$$;

CREATE FUNCTION usage.can_cost(amount numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Whether a number can be what a call cost. NaN is larger than every number, infinity too.
    SELECT coalesce(amount >= 0 AND amount <= 1000000000, false)
$$;

CREATE FUNCTION usage.can_be_time(moment timestamptz, now timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Whether a call can have been made then: after Dify was there, and no more than two days ahead of the source's clock.
    SELECT coalesce(moment >= '2000-01-01 00:00:00+00'::timestamptz AND moment <= now + interval '2 days', false)
$$;

CREATE FUNCTION usage.absurd_tokens(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Whether a text is a number that can be no count; an empty text, NaN and words are no numbers, and say nothing.
    SELECT CASE WHEN value IS NULL OR length(value) < 13 AND value !~ '[-eE]' THEN false
                WHEN length(value) > 60 THEN value ~ '^\s*[+-]?[0-9]+\.?[0-9]*([eE][+-]?[0-9]+)?\s*$'
                WHEN value ~ '[eE][+]?[0-9]{3,}\s*$' THEN value ~ '^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE]'
                ELSE NOT usage.can_count(coalesce(usage.as_number(value), 0)) END
$$;

CREATE FUNCTION usage.absurd_price(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Whether a text is a number that no call costs; an empty text, NaN and words say nothing of a price.
    SELECT CASE WHEN value IS NULL OR length(value) < 10 AND value !~ '[-eE]' THEN false
                WHEN length(value) > 60 THEN false
                WHEN value ~ '[eE][+]?[0-9]{3,}\s*$' THEN value ~ '^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE]'
                ELSE NOT usage.can_cost(coalesce(usage.as_number(value), 0)) END
$$;

CREATE FUNCTION usage.containers_doubled(
    left_over bigint, parts bigint, containers bigint, largest_container bigint, unsaid bigint
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Whether a run's total holds its iterations and loops a second time, as Dify 1.9.2 and 1.10.0 write it: what is left
    -- is to the token what they repeat, their leaves are all there, and none may have used more than it says.
    SELECT left_over = containers AND parts >= largest_container AND unsaid = 0
$$;

CREATE FUNCTION usage.believed_residual(
    left_over bigint, parts bigint, containers bigint, largest_container bigint, leaves bigint, largest_leaf bigint,
    unsaid bigint
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
        -- Attempts that failed: each leaf was tried again as often as Dify allows, where containers may have inflated the
        -- total as often as it does by default; a leaf without figures used what the largest model takes at most.
        WHEN left_over <= parts * CASE WHEN containers > 0 THEN 2 ELSE 10 END
                          + unsaid * greatest(11 * largest_leaf, 200000) THEN left_over
        ELSE least(left_over, unsaid * largest_leaf)
    END
$$;

ALTER TABLE usage.run_ledger ADD COLUMN unexplained_tokens bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN usage.run_ledger.unexplained_tokens IS
    'What the run''s own total says beyond everything that attempts can explain; counted nowhere unless configured.';
