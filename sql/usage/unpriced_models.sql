-- Models of the last 30 days whose tokens have no price in the configuration's currency, the largest first.
-- Reads usage.daily_model_usage along usage_date. Writes nothing.
SELECT d.provider, d.model, d.currency, sum(d.unpriced_tokens)::bigint AS tokens, min(d.usage_date) AS first_day,
       max(d.usage_date) AS last_day
FROM usage.daily_model_usage d
WHERE d.usage_date > current_date - 30 AND d.unpriced_tokens > 0
GROUP BY d.provider, d.model, d.currency
ORDER BY tokens DESC, 1, 2
LIMIT 50
