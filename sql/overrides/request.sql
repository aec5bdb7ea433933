-- Asks for an override of a budget. Writes usage.budget_override. Safe to run twice: the id is the key.
INSERT INTO usage.budget_override (
    override_id, budget_id, scope_value, scope_name, measure, raise_by, raise_percent, reason, requested_by,
    requested_at, until, requested_known_by
)
VALUES (:'override_id', :'budget_id', :'scope_value', :'scope_name', :'measure', :'raise_by'::numeric,
        :'raise_percent'::numeric, :'reason', :'by', :'now'::timestamptz, :'until'::timestamptz, :'known_by')
ON CONFLICT (override_id) DO NOTHING
RETURNING override_id
