-- The workflows whose staged agent and retrieval nodes name no model: their graphs are asked which one they set.
-- Reads stage_node. Writes nothing.
SELECT DISTINCT workflow_id
FROM stage_node
WHERE node_type IN ('agent', 'knowledge-retrieval') AND model IS NULL AND workflow_id IS NOT NULL
