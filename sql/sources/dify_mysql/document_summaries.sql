-- One row a summary of a part of a document (Dify 1.12 and later) that was embedded, with the tokens that Dify estimates
-- for it; never a text. They are not among the document's own tokens.
-- Reads document_segment_summaries whole, for it has no index on a time (the caller reads it once an hour), and datasets
-- by primary key. Writes nothing. A summary made again overwrites its tokens.
-- Times and @since_server are the server's local time. Rows with the ids come whatever their time is; @ids is a list in
-- brackets.
SELECT
    u.id,
    s.tenant_id,
    s.name AS dataset_name,
    s.embedding_model_provider AS provider,
    s.embedding_model AS model,
    u.tokens,
    NULL AS completed_at,
    u.created_at AS created_at_server,
    'summary' AS kind
FROM document_segment_summaries u
JOIN datasets s ON s.id = u.dataset_id
WHERE u.tokens <> 0 AND (u.updated_at >= @since_server OR u.created_at >= @since_server OR u.id IN @ids)
