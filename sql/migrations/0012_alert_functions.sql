-- Creates the functions that every statement about alerts shares: how severe a level is, and what a delivery is called.
-- Lets go of emergencies that a tier's quiet hours held: quiet hours never hold one. Reads usage.alert, writes
-- usage.delivery. Safe to run once; alembic keeps the record of that in usage.schema_version.

CREATE FUNCTION usage.severity(level text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Where a level stands, 0 for the most severe; null for what is none (as `ok` of a status).
    SELECT array_position(ARRAY['emergency', 'critical', 'warning', 'info'], level) - 1
$$;

CREATE FUNCTION usage.delivery_id(alert_id text, recipient text, occasion text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- The same for the same alert, recipient and occasion, at each attempt: channels that can tell repeats go by it.
    -- The first delivery of an alert carries 40 bits in base 32, what follows it 40 bits in base 16.
    SELECT alert_id || '-' || CASE occasion
        WHEN 'alert' THEN (
            SELECT string_agg(
                       substr('abcdefghijklmnopqrstuvwxyz234567', 1 + ((hash.bits >> (5 * place)) & 31)::integer, 1),
                       '' ORDER BY place DESC)
            FROM (SELECT ('x' || left(encode(sha256(convert_to(recipient, 'UTF8')), 'hex'), 10))::bit(40)::bigint AS bits) AS hash,
                 generate_series(0, 7) AS place)
        ELSE left(encode(sha256(convert_to(recipient || '|' || occasion, 'UTF8')), 'hex'), 10)
    END
$$;

-- Globs become patterns where the configuration's do (warehouse/patterns.py).
DROP FUNCTION usage.as_like(text);

-- What waits for its robot rather than for the end of quiet hours finds that again and goes on waiting.
UPDATE usage.delivery d
SET next_attempt_at = now()
FROM usage.alert a
WHERE a.alert_id = d.alert_id AND a.level = 'emergency' AND a.kind = 'budget'
  AND d.state = 'pending' AND d.attempts = 0 AND d.occasion = 'alert' AND d.next_attempt_at > now();
