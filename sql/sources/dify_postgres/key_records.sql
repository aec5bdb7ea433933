-- One row a call whose API key the fork dify-plus recorded: by message, or by run for chatflows and workflows.
-- Reads api_token_message_joins_extend by record_id, which is indexed (or the table is small); :ids is an array of the
-- column's own type, so that the index serves. Writes nothing.
-- In psql: psql -v ids="'{...}'::uuid[]" -f key_records.sql
SELECT j.record_id::text, j.app_token_id::text AS api_key_id
FROM api_token_message_joins_extend j
WHERE j.record_id = ANY(:ids) AND j.app_token_id IS NOT NULL
