-- The first draft of a workflow.
-- Writes workflows of a made-up Dify. Not safe to run twice under another id: an app has one draft.
INSERT INTO workflows (id, tenant_id, app_id, type, version, graph, features, environment_variables,
    conversation_variables, created_by, updated_at)
VALUES (:'id'::uuid, :'tenant'::uuid, :'app'::uuid, :'type', 'draft', :'graph', :'features', :'environment',
    :'conversation', :'created_by'::uuid, now())
RETURNING id
