-- The newest actions; with :enforced only those that keep something closed at Dify now. Reads usage.enforcement_action.
-- Writes nothing.
SELECT action_id AS action, action AS what, target_name AS project, budget_id AS budget, state,
       requested_at AS requested, released_at AS released, release_why AS why, answer
FROM usage.enforcement_action
WHERE NOT :'enforced'::boolean OR (held IS NOT NULL AND released_at IS NULL)
ORDER BY requested_at DESC, place
LIMIT 30
