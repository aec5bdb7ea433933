-- The models that a workflow's graph configures for nodes whose executions do not name one (agent, knowledge-retrieval).
-- Reads workflows by primary key; a published version never changes. Writes nothing.
-- In psql: psql -v workflow_ids="{...}" -f node_models.sql
SELECT
    w.id::text AS workflow_id,
    left(node.json ->> 'id', 255)::text AS node_id,
    left(coalesce(
        node.json #>> '{data,agent_parameters,model,value,provider}',
        node.json #>> '{data,single_retrieval_config,model,provider}',
        node.json #>> '{data,metadata_model_config,provider}'
    ), 255)::text AS provider,
    left(coalesce(
        node.json #>> '{data,agent_parameters,model,value,model}',
        node.json #>> '{data,single_retrieval_config,model,name}',
        node.json #>> '{data,metadata_model_config,name}'
    ), 255)::text AS model
FROM workflows w
CROSS JOIN LATERAL json_array_elements(
    CASE WHEN left(ltrim(w.graph, E' \t\r\n'), 1) = '{' AND json_typeof(w.graph::json -> 'nodes') = 'array'
         THEN w.graph::json -> 'nodes' ELSE '[]'::json END
) AS node (json)
WHERE w.id = ANY(:'workflow_ids'::uuid[])
  AND node.json #>> '{data,type}' IN ('agent', 'knowledge-retrieval')
