-- How many of the evaluated rows stand at each level. Reads stage_status, stage_passed. Writes nothing.
SELECT coalesce(gravest.level, 'ok') AS level, count(*) AS number
FROM stage_status s
:levels
GROUP BY 1
ORDER BY 1
