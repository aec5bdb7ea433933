-- Runs of a source that were final (:final, the source's own words) when they were read, from :since on: lists say
-- whether they have changed, and then they need no call of their own. Reads usage.run_ledger. Writes nothing.
SELECT run_id, status, total_tokens
FROM usage.run_ledger
WHERE source = :'source' AND status = ANY(:'final'::text[]) AND created_at >= :'since'::timestamptz
