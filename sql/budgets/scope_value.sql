-- A fragment: which of a budget's values a row (d, with t, p and k of in_scope.sql) belongs to; null: to none.
-- '' stands for the only value of a budget without `per`.
CASE :'per'
    WHEN '' THEN ''
    WHEN 'tenant' THEN 'tenant=' || d.source || '/' || d.tenant_id
    WHEN 'environment' THEN 'environment=' || d.environment
    WHEN 'project' THEN 'project=' || d.source || '/' || d.app_id
    WHEN 'api_key' THEN 'api_key=' || d.source || '/' || d.api_key_id
    WHEN 'caller' THEN 'caller=' || d.source || '/' || d.tenant_id || '/' || d.caller_kind || '/' || d.caller_id
    WHEN 'provider' THEN 'provider=' || d.provider
    WHEN 'model' THEN 'model=' || d.model
END
