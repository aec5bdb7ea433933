-- One row a document of a knowledge base that was embedded, with the tokens that Dify estimates for it; never a text.
-- Reads documents whole, for it has no index on a time (the caller reads it once an hour), and datasets by primary key.
-- Writes nothing. An index made again overwrites its tokens and its time.
-- Rows with the ids come whatever their time is. In psql: psql -v since=2026-11-24 -v ids={} -f documents.sql
SELECT
    d.id::text,
    d.tenant_id::text,
    (SELECT s.name FROM datasets s WHERE s.id = d.dataset_id)::text AS dataset_name,
    (SELECT s.embedding_model_provider FROM datasets s WHERE s.id = d.dataset_id)::text AS provider,
    (SELECT s.embedding_model FROM datasets s WHERE s.id = d.dataset_id)::text AS model,
    d.tokens::bigint,
    (coalesce(d.completed_at, d.created_at) AT TIME ZONE 'UTC')::timestamptz AS occurred_at,
    'document'::text AS kind
FROM documents d
WHERE d.tokens <> 0 AND (coalesce(d.completed_at, d.created_at) >= :'since'::timestamp OR d.id = ANY(:'ids'::uuid[]))
