-- One row an app or RAG pipeline, with the names of its tags, one a line. Reads apps, tag_bindings, tags and pipelines
-- whole. Writes nothing. The session's group_concat_max_len must hold an app's tags.
-- In the mysql client: sed 's/:pipelines/SELECT p.id, p.tenant_id, p.name FROM pipelines p/' projects.sql | mysql dify
SELECT
    CONVERT(a.id USING utf8mb4) COLLATE utf8mb4_bin AS app_id,
    CONVERT(a.tenant_id USING utf8mb4) COLLATE utf8mb4_bin AS tenant_id,
    CONVERT(a.name USING utf8mb4) COLLATE utf8mb4_bin AS name,
    CONVERT(a.mode USING utf8mb4) COLLATE utf8mb4_bin AS mode,
    (SELECT GROUP_CONCAT(CONVERT(t.name USING utf8mb4) COLLATE utf8mb4_bin SEPARATOR '\n')
     FROM tag_bindings b JOIN tags t ON t.id = b.tag_id
     WHERE b.target_id = a.id AND t.type = 'app') AS tags
FROM apps a
UNION ALL
SELECT CONVERT(p.id USING utf8mb4) COLLATE utf8mb4_bin, CONVERT(p.tenant_id USING utf8mb4) COLLATE utf8mb4_bin,
       CONVERT(p.name USING utf8mb4) COLLATE utf8mb4_bin, CONVERT('rag-pipeline' USING utf8mb4) COLLATE utf8mb4_bin, NULL
FROM (:pipelines) AS p
