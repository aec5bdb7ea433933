-- Tokens of a workflow's runs, a row a day, as the console's statistics show them: without debugging.
-- Reads workflow_runs of a made-up Dify. Only reads.
SELECT created_at::date AS date, sum(total_tokens)::bigint AS tokens
FROM workflow_runs
WHERE app_id = :'app' AND triggered_from = 'app-run'
GROUP BY 1
ORDER BY 1
