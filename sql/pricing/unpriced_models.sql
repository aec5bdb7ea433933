-- Names the providers of staged events by their last path segment ('langgenius/openai/openai' is 'openai') and returns the
-- providers and models that the source left without a price. Reads and writes stage_event. Safe to run twice.
UPDATE stage_event SET provider = nullif(regexp_replace(provider, '^.*/', ''), '')
WHERE provider LIKE '%/%' OR provider = '';

SELECT DISTINCT provider, model FROM stage_event
WHERE total_tokens > 0 AND coalesce(logged_cost, 0) = 0 AND provider IS NOT NULL AND model IS NOT NULL
