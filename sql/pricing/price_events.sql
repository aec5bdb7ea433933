-- Sets the cost of each staged event, in the currency it was priced in and in the configuration's.
-- Reads stage_event, the configuration's rules and rates and the catalogue's prices as JSON. Writes stage_event.
-- Writes each row once. Safe to run twice.
-- Providers go by their last path segment from here on: 'langgenius/openai/openai' is 'openai'.
-- Order: a rule that replaces, the source's own price, a rule that fills, the catalogue, else unpriced (cost null,
-- never zero).
-- Figures without their split into input and output cannot be priced where the two cost differently: a rule or the
-- catalogue then leaves them as they are.
-- OFFSET 0: what a step found is worked out once, not again for each that asks.
-- Arithmetic is exact: a price per million is multiplied by 0.000001, never divided.
-- :rules  [{"provider": LIKE, "model": LIKE, "from": date|null, "until": date|null, "currency": "CNY", "replace": bool,
--           "rates": [{"above": input tokens, "input": "2.0", "output": "6.0"}], "call": "0.01"}] in order; the first
--           that fits wins, with the rate of the highest `above` that the call's input exceeds. `call` is the price of
--           a call that was answered or used tokens, also where the model reports no tokens at all.
-- :catalogue [{"provider", "model", "from": UTC date|null, "above": input tokens, "input": "2.5", "output": "10"}] in USD;
--           the newest that has begun and the highest `above` that the call exceeds is in force.
-- :rates  [{"from": date, "currency": "USD", "rate": "7.10"}]; the newest that has begun is in force.
WITH named AS MATERIALIZED (
    SELECT e.ctid AS row,
           nullif(CASE WHEN e.provider LIKE '%/%' THEN regexp_replace(e.provider, '^.*/', '') ELSE e.provider END, '')
               AS provider,
           e.model, e.usage_date, e.occurred_at, e.status, e.input_tokens, e.output_tokens, e.total_tokens, e.logged_cost,
           upper(btrim(e.logged_currency)) AS logged_currency
    FROM stage_event e
), rule AS (
    SELECT r.position, r.json ->> 'provider' AS provider, r.json ->> 'model' AS model,
           (r.json ->> 'from')::date AS starts, (r.json ->> 'until')::date AS ends,
           r.json -> 'rates' AS rates, (r.json ->> 'call')::numeric AS call_price,
           r.json ->> 'currency' AS currency, (r.json ->> 'replace')::boolean AS replaces
    FROM jsonb_array_elements(:'rules'::jsonb) WITH ORDINALITY AS r (json, position)
), fitting AS (
    SELECT c.provider, c.model, c.usage_date, f.*
    FROM (SELECT DISTINCT provider, model, usage_date FROM named) AS c
    CROSS JOIN LATERAL (
        SELECT rule.rates, rule.call_price, rule.currency, rule.replaces
        FROM rule
        WHERE coalesce(c.provider, '') LIKE rule.provider AND c.model LIKE rule.model
          AND (rule.starts IS NULL OR rule.starts <= c.usage_date)
          AND (rule.ends IS NULL OR c.usage_date < rule.ends)
        ORDER BY rule.position
        LIMIT 1
    ) AS f
), listed AS (
    SELECT c.json ->> 'provider' AS provider, c.json ->> 'model' AS model, (c.json ->> 'from')::date AS starts,
           (c.json ->> 'above')::bigint AS above, (c.json ->> 'input')::numeric AS input_price,
           (c.json ->> 'output')::numeric AS output_price
    FROM jsonb_array_elements(:'catalogue'::jsonb) AS c (json)
), exchange AS (
    SELECT r.json ->> 'currency' AS currency, (r.json ->> 'from')::date AS starts, (r.json ->> 'rate')::numeric AS rate
    FROM jsonb_array_elements(:'rates'::jsonb) AS r (json)
), weighed AS (
    SELECT e.*, f.currency AS rule_currency, ruled.cost AS rule_cost,
           CASE WHEN f.replaces AND ruled.cost IS NOT NULL AND (e.total_tokens > 0 OR charge.call > 0) THEN 'override'
                WHEN e.logged_cost > 0 OR e.total_tokens = 0 AND charge.call = 0 THEN 'dify'
                WHEN ruled.cost IS NOT NULL THEN 'override'
           END AS price_source
    FROM named e
    LEFT JOIN fitting f ON coalesce(f.provider, '') = coalesce(e.provider, '') AND f.model = e.model
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
    ) AS rate ON f.rates IS NOT NULL
    CROSS JOIN LATERAL (
        -- Tokens without their split can be priced only where input and output cost the same.
        SELECT CASE WHEN e.input_tokens + e.output_tokens = e.total_tokens OR rate.input_price = rate.output_price
                    THEN (e.input_tokens * rate.input_price + (e.total_tokens - e.input_tokens) * rate.output_price)
                         * 0.000001 + charge.call END AS cost
    ) AS ruled
    OFFSET 0
), priced AS (
    SELECT w.row, w.provider, w.usage_date,
           coalesce(w.price_source, CASE WHEN listed.input_price IS NULL THEN 'unpriced' ELSE 'catalog' END)
               AS price_source,
           CASE WHEN w.price_source = 'override' THEN w.rule_cost
                WHEN w.price_source = 'dify' THEN w.logged_cost
                ELSE (w.input_tokens * listed.input_price + w.output_tokens * listed.output_price) * 0.000001
           END AS cost,
           CASE WHEN w.price_source = 'override' THEN w.rule_currency
                WHEN w.price_source IS NULL AND listed.input_price IS NOT NULL THEN 'USD'
                ELSE coalesce(:'currency_signs'::jsonb ->> w.logged_currency, w.logged_currency) END AS currency
    FROM weighed w
    LEFT JOIN LATERAL (
        SELECT l.input_price, l.output_price FROM listed l
        WHERE l.provider = w.provider AND l.model = w.model AND l.above <= greatest(w.input_tokens - 1, 0)
          AND (l.starts IS NULL OR l.starts <= (w.occurred_at AT TIME ZONE 'UTC')::date)
          AND w.input_tokens + w.output_tokens = w.total_tokens
        ORDER BY l.starts DESC NULLS LAST, l.above DESC
        LIMIT 1
    ) AS listed ON w.price_source IS NULL
    OFFSET 0
)
UPDATE stage_event e
SET provider = p.provider, price_source = p.price_source, cost = p.cost, currency = p.currency,
    base_cost = p.cost * CASE WHEN p.cost = 0 OR p.currency = :'base_currency' THEN 1 ELSE newest.rate END
FROM priced p
LEFT JOIN LATERAL (
    SELECT r.rate FROM exchange r
    WHERE r.currency = p.currency AND r.starts <= p.usage_date
    ORDER BY r.starts DESC
    LIMIT 1
) AS newest ON p.cost <> 0 AND p.currency <> :'base_currency'
WHERE e.ctid = p.row;
