-- The models that a workflow's graph configures for nodes whose executions do not name one (agent, knowledge-retrieval).
-- Reads workflows by primary key; a published version never changes. Writes nothing.
-- In the mysql client: sed "s/:selection/w.id = '...'/" node_models.sql | mysql dify
SELECT
    w.id AS workflow_id,
    node.node_id,
    COALESCE(node.agent_provider, node.retrieval_provider, node.filter_provider) AS provider,
    COALESCE(node.agent_model, node.retrieval_model, node.filter_model) AS model
FROM workflows w
JOIN JSON_TABLE(
    CASE WHEN JSON_VALID(w.graph) THEN w.graph ELSE '{}' END, '$.nodes[*]'
    COLUMNS (
        node_id varchar(255) PATH '$.id',
        type varchar(255) PATH '$.data.type',
        agent_provider varchar(255) PATH '$.data.agent_parameters.model.value.provider',
        agent_model varchar(255) PATH '$.data.agent_parameters.model.value.model',
        retrieval_provider varchar(255) PATH '$.data.single_retrieval_config.model.provider',
        retrieval_model varchar(255) PATH '$.data.single_retrieval_config.model.name',
        filter_provider varchar(255) PATH '$.data.metadata_model_config.provider',
        filter_model varchar(255) PATH '$.data.metadata_model_config.name'
    )
) AS node
WHERE :selection AND node.type IN ('agent', 'knowledge-retrieval')
