-- Keeps what the source says of units that belong to no run and are no message.
-- Reads stage_event, usage.run_ledger. Writes own_unit. The caller empties it before.
INSERT INTO own_unit
SELECT s.event_id, s.tenant_id, s.input_tokens, s.output_tokens, s.total_tokens, s.logged_cost, s.occurred_at
FROM stage_event s
WHERE s.basis = 'logged'
  AND (s.run_id IS NULL
       OR NOT EXISTS (SELECT FROM usage.run_ledger l WHERE l.source = :'source' AND l.run_id = s.run_id));
