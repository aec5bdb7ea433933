-- Tokens and price of an app's messages, a row a day, as the console's statistics show them: without debugging.
-- Reads messages of a made-up Dify. Only reads.
SELECT created_at::date AS date, sum(message_tokens + answer_tokens)::bigint AS tokens, sum(total_price) AS price
FROM messages
WHERE app_id = :'app' AND invoke_from <> 'debugger'
    AND created_at >= :'since'::timestamp AND created_at < :'until'::timestamp
GROUP BY 1
ORDER BY 1
