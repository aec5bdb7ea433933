-- A version that callers get: the draft as it is now, under an id and a name of its own.
-- Reads and writes workflows of a made-up Dify. Running it twice under one id fails on the key.
INSERT INTO workflows (id, tenant_id, app_id, type, version, graph, features, environment_variables,
    conversation_variables, marked_name, marked_comment, created_by, created_at, updated_at)
SELECT :'id'::uuid, tenant_id, app_id, type, :'version', graph, features, environment_variables,
    conversation_variables, :'name', :'comment', created_by, :'now'::timestamp, :'now'::timestamp
FROM workflows
WHERE id = :'draft'::uuid
RETURNING id
