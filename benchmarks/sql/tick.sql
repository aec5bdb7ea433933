-- What happened at Dify meanwhile: :new messages like those that are there, and :changed answers that grew.
-- Reads and writes messages.
UPDATE messages SET answer_tokens = answer_tokens + 1, updated_at = now() AT TIME ZONE 'UTC'
WHERE id IN (
    SELECT id FROM messages WHERE created_at > (now() AT TIME ZONE 'UTC') - interval '1 day'
    ORDER BY md5(id::text || now()::text) LIMIT :'changed');
INSERT INTO messages
SELECT (jsonb_populate_record(NULL::messages, to_jsonb(m) || jsonb_build_object(
    'id', gen_random_uuid(), 'created_at', now() AT TIME ZONE 'UTC', 'updated_at', now() AT TIME ZONE 'UTC'))).*
FROM (SELECT * FROM messages ORDER BY created_at DESC LIMIT :'new') AS m
