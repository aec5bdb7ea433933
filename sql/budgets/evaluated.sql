-- Notes that budgets were evaluated at :as_of, all of them where :everything, and by what. Nothing is touched any more.
-- Writes usage.evaluation, usage.budget_touched. Safe to run twice.
DELETE FROM usage.budget_touched;

INSERT INTO usage.evaluation AS known (evaluated_at, looked_at, inputs, rolled, levels)
VALUES (:'as_of'::timestamptz, :'as_of'::timestamptz, :'inputs', :'rolled'::bigint, :'levels'::jsonb)
ON CONFLICT (only_row) DO UPDATE
SET evaluated_at = CASE WHEN :'everything'::boolean THEN excluded.evaluated_at ELSE known.evaluated_at END,
    looked_at = excluded.looked_at, inputs = excluded.inputs, rolled = excluded.rolled, levels = excluded.levels;
