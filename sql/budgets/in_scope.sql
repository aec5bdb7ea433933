-- A fragment: the rows of usage.usage_event (d) that one value of a budget takes in, with the names of their tenant (t),
-- project (p) and key (k). Null lists take in everything; lists hold LIKE patterns. :scope is budget_status.scope.
FROM usage.usage_event d
LEFT JOIN usage.tenant t ON t.source = d.source AND t.tenant_id = d.tenant_id
LEFT JOIN usage.project p ON p.source = d.source AND p.app_id = d.app_id
LEFT JOIN usage.api_key k ON k.source = d.source AND k.api_key_id = d.api_key_id
CROSS JOIN (
    SELECT v.* FROM jsonb_to_record(:'scope'::jsonb)
        AS v (source text, tenant_id text, environment text, app_id text, api_key_id text, caller_kind text,
              caller_id text, provider text, model text, node_id text)
) AS v
WHERE (v.source IS NULL OR d.source = v.source)
  AND (v.tenant_id IS NULL OR d.tenant_id = v.tenant_id)
  AND (v.environment IS NULL OR d.environment = v.environment)
  AND (v.app_id IS NULL OR d.app_id = v.app_id)
  AND (v.api_key_id IS NULL OR d.api_key_id = v.api_key_id)
  AND (v.caller_kind IS NULL OR d.caller_kind = v.caller_kind AND d.caller_id = v.caller_id)
  AND (v.provider IS NULL OR d.provider = v.provider)
  AND (v.model IS NULL OR d.model = v.model)
  AND (v.node_id IS NULL OR d.node_id = v.node_id)
  AND :fits_scope
