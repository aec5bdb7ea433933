-- The providers and models of staged events that the source left without a price. Providers go by their last path
-- segment ('langgenius/openai/openai' is 'openai'). Reads stage_event. Writes nothing.
SELECT DISTINCT nullif(regexp_replace(provider, '^.*/', ''), '') AS provider, model FROM stage_event
WHERE total_tokens > 0 AND coalesce(logged_cost, 0) = 0 AND provider <> '' AND provider NOT LIKE '%/' AND model IS NOT NULL
