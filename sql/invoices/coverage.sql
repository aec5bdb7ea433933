-- What providers invoiced against what was counted, a row a month, provider and model of an invoice, and a row a
-- provider and month that has usage but no invoice (model and invoiced null). Costs in the base currency.
-- A row without a model is the provider's whole month: all of its models but those that have rows of their own.
-- Reads usage.invoice, usage.daily_model_usage. Writes nothing. Months are cut as usage dates are, in tenants' zones.
-- :rates [{"from": date, "currency": "USD", "rate": "7.10"}]; the newest that has begun by the month's end is in force.
WITH counted AS (
    SELECT date_trunc('month', d.usage_date)::date AS month, lower(coalesce(d.provider, '')) AS provider,
           lower(coalesce(d.model, '')) AS model, sum(d.total_tokens) AS tokens,
           sum(d.unpriced_tokens) AS unpriced_tokens, sum(d.base_cost) AS base_cost
    FROM usage.daily_model_usage d
    GROUP BY 1, 2, 3
), invoiced AS (
    SELECT i.*, i.amount * CASE WHEN i.currency = :'base_currency' OR i.amount = 0 THEN 1 ELSE rate.rate END AS base_amount
    FROM usage.invoice i
    LEFT JOIN LATERAL (
        SELECT (r.json ->> 'rate')::numeric AS rate
        FROM jsonb_array_elements(:'rates'::jsonb) AS r (json)
        WHERE r.json ->> 'currency' = i.currency
          AND (r.json ->> 'from')::date < (i.month + interval '1 month')::date
        ORDER BY (r.json ->> 'from')::date DESC
        LIMIT 1
    ) AS rate ON true
), covered AS (
    SELECT i.provider, i.model, i.month, coalesce(sum(c.tokens), 0) AS tokens,
           coalesce(sum(c.unpriced_tokens), 0) AS unpriced_tokens, coalesce(sum(c.base_cost), 0) AS base_cost
    FROM invoiced i
    LEFT JOIN counted c ON c.month = i.month AND c.provider = lower(i.provider)
     AND CASE WHEN i.model <> '' THEN c.model = lower(i.model)
              ELSE NOT EXISTS (SELECT FROM invoiced own
                               WHERE own.month = i.month AND lower(own.provider) = c.provider
                                 AND own.model <> '' AND lower(own.model) = c.model) END
    GROUP BY i.provider, i.model, i.month
)
SELECT i.month, i.provider, nullif(i.model, '') AS model, i.amount, i.currency, i.base_amount AS invoiced,
       v.base_cost AS counted, round(v.base_cost / nullif(i.base_amount, 0), 4) AS ratio, v.tokens, v.unpriced_tokens
FROM invoiced i
JOIN covered v ON v.provider = i.provider AND v.model = i.model AND v.month = i.month
UNION ALL
SELECT c.month, nullif(c.provider, ''), NULL, NULL, NULL, NULL, sum(c.base_cost), NULL, sum(c.tokens),
       sum(c.unpriced_tokens)
FROM counted c
WHERE EXISTS (SELECT FROM usage.invoice i WHERE i.month = c.month)
  AND NOT EXISTS (SELECT FROM usage.invoice i
                  WHERE i.month = c.month AND lower(i.provider) = c.provider
                    AND (i.model = '' OR lower(i.model) = c.model))
GROUP BY c.month, c.provider
HAVING sum(c.tokens) > 0
ORDER BY 1 DESC, 2, 3 NULLS FIRST
