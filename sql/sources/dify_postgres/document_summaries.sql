-- One row a summary of a part of a document (Dify 1.12 and later) that was embedded, with the tokens that Dify estimates
-- for it; never a text. They are not among the document's own tokens.
-- Reads document_segment_summaries whole, for it has no index on a time (the caller reads it once an hour), and datasets
-- by primary key. Writes nothing. A summary made again overwrites its tokens.
-- Rows with the ids come whatever their time is. In psql: psql -v since=2026-11-24 -v ids={} -f document_summaries.sql
SELECT
    u.id::text,
    s.tenant_id::text,
    s.name::text AS dataset_name,
    s.embedding_model_provider::text AS provider,
    s.embedding_model::text AS model,
    u.tokens::bigint,
    (u.created_at AT TIME ZONE 'UTC')::timestamptz AS occurred_at,
    'summary'::text AS kind
FROM document_segment_summaries u
JOIN datasets s ON s.id = u.dataset_id
WHERE u.tokens <> 0
  AND (greatest(u.updated_at, u.created_at) >= :'since'::timestamp OR u.id = ANY(:'ids'::uuid[]))
