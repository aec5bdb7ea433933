-- The projects that spent in a budget on :days, its values taken together. Reads what budgets count by (:in_scope is
-- sql/budgets/in_scope.sql over rows_of_days.sql or rows_of_events.sql). Writes nothing.
-- What no project of Dify's stands for (tools by themselves, knowledge bases) is left out: nothing could be switched.
SELECT DISTINCT p.name AS project_name, p.app_id AS project_id, d.tenant_id AS workspace_id,
       coalesce(t.name, d.tenant_id) AS workspace_name, p.environment, p.tags
:in_scope
  AND p.gone_at IS NULL AND p.app_id IS NOT NULL AND p.app_id NOT LIKE 'tools:%' AND p.app_id NOT LIKE 'datasets:%'
ORDER BY project_name, project_id
