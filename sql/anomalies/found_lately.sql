-- What was found unusual within the last day, the most unusual first. Reads usage.anomaly. Writes nothing.
SELECT rule_id AS rule, name AS what, window_start AS "from", window_end AS "to", measure, round(amount, 2) AS used,
       round(usual, 2) AS usual, score AS standard_deviations
FROM usage.anomaly
WHERE found_at > now() - interval '24 hours'
ORDER BY score DESC
LIMIT 50
