-- Notes the API key of staged calls where the source recorded it (the fork dify-plus does): by message, or by run.
-- Reads stage_key_record, message_caller. Writes stage_event. Safe to run twice. A call with two keys on record has none.
UPDATE stage_event s
SET logged_api_key_id = r.api_key_id
FROM (
    SELECT coalesce(m.run_id, k.record_id) AS record_id, min(k.api_key_id) AS api_key_id
    FROM stage_key_record k
    LEFT JOIN (SELECT DISTINCT id, run_id FROM message_caller) AS m ON m.id = k.record_id
    GROUP BY 1
    HAVING count(DISTINCT k.api_key_id) = 1
) AS r
WHERE s.caller_kind = 'api' AND r.record_id = coalesce(s.run_id, substr(s.event_id, strpos(s.event_id, ':') + 1));
