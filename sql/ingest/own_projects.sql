-- Makes the projects that Dify has no app for: one a workspace for its tools' own model calls, one for its knowledge
-- bases, when it first has such. apply_configuration.sql, which runs next, gives them their environment.
-- Reads stage_tool_call, stage_document. Writes usage.project. Safe to run twice.
INSERT INTO usage.project (source, app_id, tenant_id, name, mode, environment)
SELECT DISTINCT :'source', 'tools:' || c.tenant_id, c.tenant_id, '(tools of the workspace)', 'tools',
       :'default_environment'
FROM stage_tool_call c
UNION ALL
SELECT DISTINCT :'source', 'datasets:' || d.tenant_id, d.tenant_id, '(knowledge bases of the workspace)', 'datasets',
       :'default_environment'
FROM stage_document d
ON CONFLICT (source, app_id) DO NOTHING;
