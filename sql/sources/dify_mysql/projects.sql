-- One row an app or RAG pipeline, with the names of its tags, one a line. Reads apps, tag_bindings, tags and pipelines
-- whole. Writes nothing. The session's group_concat_max_len must hold an app's tags.
-- In the mysql client: sed 's/:pipelines/SELECT p.id, p.tenant_id, p.name FROM pipelines p/' projects.sql | mysql dify
SELECT
    a.id AS app_id,
    a.tenant_id,
    a.name,
    a.mode,
    (SELECT GROUP_CONCAT(t.name SEPARATOR '\n')
     FROM tag_bindings b JOIN tags t ON t.id = b.tag_id
     WHERE b.target_id = a.id AND t.type = 'app') AS tags
FROM apps a
UNION ALL
SELECT p.id, p.tenant_id, p.name, 'rag-pipeline', NULL FROM (:pipelines) AS p
