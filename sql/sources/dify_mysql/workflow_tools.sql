-- One row a workflow that is published as a tool, and the app that it belongs to.
-- Reads tool_workflow_providers whole (at most one an app). Writes nothing.
SELECT w.id AS provider_id, w.app_id FROM tool_workflow_providers w
