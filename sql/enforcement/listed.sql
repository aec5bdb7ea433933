-- Actions, the newest first; those of one state, alert, budget or project, or only what is in force or may come to be. Reads
-- usage.enforcement_action. Writes nothing.
SELECT a.*
FROM usage.enforcement_action a
WHERE (:'action_id'::text IS NULL OR a.action_id = :'action_id'::text)
  AND (:'state'::text IS NULL OR a.state = :'state'::text)
  AND (:'alert_id'::text IS NULL OR a.alert_id = :'alert_id'::text)
  AND (:'budget_id'::text IS NULL OR a.budget_id = :'budget_id'::text)
  AND (:'project'::text IS NULL OR a.target_name = :'project'::text OR a.app_id = :'project'::text)
  AND (NOT :'enforced_only'::boolean OR a.held IS NOT NULL AND a.released_at IS NULL)
  AND (NOT :'open_only'::boolean OR a.release_at IS NULL AND a.released_at IS NULL
       AND (a.held IS NOT NULL OR a.state IN ('planned', 'approved', 'applied')))
ORDER BY a.requested_at DESC, a.place, a.action_id
LIMIT 1000
