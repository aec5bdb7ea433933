-- Sets the cost of each staged event, in the currency it was priced in and in the configuration's.
-- Reads stage_event, the configuration's rules and rates and the catalogue's prices as JSON. Writes stage_event.
-- Safe to run twice. Providers are named as unpriced_models.sql names them, which runs before.
-- Order: a rule that replaces, the source's own price, a rule that fills, the catalogue, else unpriced (cost null,
-- never zero).
-- Figures without their split into input and output cannot be priced where the two cost differently: a rule or the
-- catalogue then leaves them as they are.
-- Arithmetic is exact: a price per million is multiplied by 0.000001, never divided.
-- :rules  [{"provider": LIKE, "model": LIKE, "from": date|null, "until": date|null, "currency": "CNY", "replace": bool,
--           "rates": [{"above": input tokens, "input": "2.0", "output": "6.0"}], "call": "0.01"}] in order; the first
--           that fits wins, with the rate of the highest `above` that the call's input exceeds. `call` is the price of
--           a call that was answered or used tokens, also where the model reports no tokens at all.
-- :catalogue [{"provider", "model", "from": UTC date|null, "above": input tokens, "input": "2.5", "output": "10"}] in USD;
--           the newest that has begun and the highest `above` that the call exceeds is in force.
-- :rates  [{"from": date, "currency": "USD", "rate": "7.10"}]; the newest that has begun is in force.
WITH combination AS (
    SELECT DISTINCT provider, model, usage_date FROM stage_event
), rule AS (
    SELECT r.position, r.json ->> 'provider' AS provider, r.json ->> 'model' AS model,
           (r.json ->> 'from')::date AS starts, (r.json ->> 'until')::date AS ends,
           r.json -> 'rates' AS rates, (r.json ->> 'call')::numeric AS call_price,
           r.json ->> 'currency' AS currency, (r.json ->> 'replace')::boolean AS replaces
    FROM jsonb_array_elements(:'rules'::jsonb) WITH ORDINALITY AS r (json, position)
), fitting AS (
    SELECT c.provider, c.model, c.usage_date, f.*
    FROM combination c
    LEFT JOIN LATERAL (
        SELECT rule.rates, rule.call_price, rule.currency, rule.replaces
        FROM rule
        WHERE coalesce(c.provider, '') LIKE rule.provider AND c.model LIKE rule.model
          AND (rule.starts IS NULL OR rule.starts <= c.usage_date)
          AND (rule.ends IS NULL OR c.usage_date < rule.ends)
        ORDER BY rule.position
        LIMIT 1
    ) AS f ON true
), listed AS (
    SELECT c.json ->> 'provider' AS provider, c.json ->> 'model' AS model, (c.json ->> 'from')::date AS starts,
           (c.json ->> 'above')::bigint AS above, (c.json ->> 'input')::numeric AS input_price,
           (c.json ->> 'output')::numeric AS output_price
    FROM jsonb_array_elements(:'catalogue'::jsonb) AS c (json)
), priced AS (
    SELECT e.event_id,
           CASE WHEN f.replaces AND ruled.cost IS NOT NULL AND (e.total_tokens > 0 OR charge.call > 0) THEN 'override'
                WHEN e.logged_cost > 0 OR e.total_tokens = 0 AND charge.call = 0 THEN 'dify'
                WHEN ruled.cost IS NOT NULL THEN 'override'
                WHEN listed.input_price IS NOT NULL THEN 'catalog'
                ELSE 'unpriced' END AS price_source,
           ruled.cost AS rule_cost,
           f.currency AS rule_currency,
           (e.input_tokens * listed.input_price + e.output_tokens * listed.output_price) * 0.000001 AS listed_cost
    FROM stage_event e
    JOIN fitting f ON f.provider IS NOT DISTINCT FROM e.provider AND f.model IS NOT DISTINCT FROM e.model
                  AND f.usage_date = e.usage_date
    CROSS JOIN LATERAL (
        SELECT CASE WHEN e.status = 'succeeded' OR e.total_tokens > 0 THEN coalesce(f.call_price, 0) ELSE 0 END AS call
    ) AS charge
    LEFT JOIN LATERAL (
        SELECT (r.json ->> 'input')::numeric AS input_price, (r.json ->> 'output')::numeric AS output_price
        FROM jsonb_array_elements(f.rates) AS r (json)
        WHERE (r.json ->> 'above')::bigint <= greatest(e.input_tokens - 1, 0)
        ORDER BY (r.json ->> 'above')::bigint DESC
        LIMIT 1
    ) AS rate ON true
    CROSS JOIN LATERAL (
        -- Tokens without their split can be priced only where input and output cost the same.
        SELECT CASE WHEN e.input_tokens + e.output_tokens = e.total_tokens OR rate.input_price = rate.output_price
                    THEN (e.input_tokens * rate.input_price + (e.total_tokens - e.input_tokens) * rate.output_price)
                         * 0.000001 + charge.call END AS cost
    ) AS ruled
    LEFT JOIN LATERAL (
        SELECT l.input_price, l.output_price FROM listed l
        WHERE l.provider = e.provider AND l.model = e.model AND l.above <= greatest(e.input_tokens - 1, 0)
          AND (l.starts IS NULL OR l.starts <= (e.occurred_at AT TIME ZONE 'UTC')::date)
          AND e.input_tokens + e.output_tokens = e.total_tokens
        ORDER BY l.starts DESC NULLS LAST, l.above DESC
        LIMIT 1
    ) AS listed ON true
)
UPDATE stage_event e
SET price_source = p.price_source,
    cost = CASE p.price_source WHEN 'override' THEN p.rule_cost WHEN 'dify' THEN e.logged_cost
                               WHEN 'catalog' THEN p.listed_cost END,
    currency = CASE p.price_source WHEN 'override' THEN p.rule_currency WHEN 'catalog' THEN 'USD'
                    ELSE coalesce(:'currency_signs'::jsonb ->> upper(btrim(e.logged_currency)), upper(btrim(e.logged_currency)))
                    END
FROM priced p
WHERE p.event_id = e.event_id;

UPDATE stage_event e
SET base_cost = e.cost * CASE WHEN e.cost = 0 OR e.currency = :'base_currency' THEN 1 ELSE rate.rate END
FROM (
    SELECT c.currency, c.usage_date, newest.rate
    FROM (SELECT DISTINCT currency, usage_date FROM stage_event) AS c
    LEFT JOIN LATERAL (
        SELECT (r.json ->> 'rate')::numeric AS rate
        FROM jsonb_array_elements(:'rates'::jsonb) AS r (json)
        WHERE r.json ->> 'currency' = c.currency AND (r.json ->> 'from')::date <= c.usage_date
        ORDER BY (r.json ->> 'from')::date DESC
        LIMIT 1
    ) AS newest ON true
) AS rate
WHERE rate.currency IS NOT DISTINCT FROM e.currency AND rate.usage_date = e.usage_date;
