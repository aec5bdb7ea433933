-- One row a document of a knowledge base that was embedded, with the tokens that Dify estimates for it; never a text.
-- Reads documents whole, for it has no index on a time (the caller reads it once an hour), and datasets by primary key.
-- Writes nothing. An index made again overwrites its tokens and its time.
-- completed_at and @since are UTC, created_at and @since_server the server's local time. Rows with the ids come whatever
-- their time is; @ids is a list in brackets.
SELECT
    d.id,
    d.tenant_id,
    s.name AS dataset_name,
    s.embedding_model_provider AS provider,
    s.embedding_model AS model,
    d.tokens,
    d.completed_at,
    d.created_at AS created_at_server,
    'document' AS kind
FROM documents d
LEFT JOIN datasets s ON s.id = d.dataset_id
WHERE d.tokens <> 0
  AND (d.completed_at >= @since OR (d.completed_at IS NULL AND d.created_at >= @since_server) OR d.id IN @ids)
