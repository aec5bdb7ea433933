-- One row an app or RAG pipeline, with its tags. Reads apps, tag_bindings, tags and pipelines whole. Writes nothing.
-- In psql: psql -v pipelines="SELECT p.id, p.tenant_id, p.name FROM pipelines p" -f projects.sql
SELECT
    a.id::text AS app_id,
    a.tenant_id::text,
    a.name::text,
    a.mode::text,
    coalesce((SELECT array_agg(DISTINCT t.name::text ORDER BY t.name::text)
              FROM tag_bindings b JOIN tags t ON t.id = b.tag_id
              WHERE b.target_id = a.id AND t.type = 'app'), '{}'::text[]) AS tags
FROM apps a
UNION ALL
SELECT p.id::text, p.tenant_id::text, p.name::text, 'rag-pipeline', '{}'::text[] FROM (:pipelines) AS p
