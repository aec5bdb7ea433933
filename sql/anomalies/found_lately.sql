-- What was found unusual within the last day, the most unusual first. Reads usage.anomaly. Writes nothing.
SELECT rule_id, name, window_start, window_end, measure, amount, usual, score
FROM usage.anomaly
WHERE found_at > now() - interval '24 hours'
ORDER BY score DESC
LIMIT 50
