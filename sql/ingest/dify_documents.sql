-- One estimated event a document, or summary of a part of one, that was embedded: Dify keeps a count of tokens, but neither whether they were really
-- sent (a cache may have answered) nor what they cost. Never mixed into what was logged.
-- Reads stage_document. Writes stage_event. Safe to run twice.
INSERT INTO stage_event (
    event_id, tenant_id, app_id, app_mode, node_type, node_title, caller_kind, provider, model, input_tokens,
    output_tokens, total_tokens, basis, status, occurred_at
)
SELECT d.kind || ':' || d.id, d.tenant_id, 'datasets:' || d.tenant_id, 'datasets', 'document', d.dataset_name, 'indexing',
       d.provider, d.model, d.tokens, 0, d.tokens, 'estimated', 'succeeded', d.occurred_at
FROM stage_document d;
