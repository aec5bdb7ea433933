-- The tags of a workspace with the number of things that bear each.
-- Reads tags and tag_bindings of a made-up Dify. Only reads.
SELECT t.id::text, t.name, t.type, (SELECT count(*) FROM tag_bindings b WHERE b.tag_id = t.id) AS binding_count
FROM tags t
WHERE t.tenant_id::text = :'tenant' AND t.type = :'type'
ORDER BY t.name
