-- Puts the configuration's budgets where set-based statements find them, and remembers which values that have names
-- (:named, such as projects) fit by the names they have now; a day on which a value was used that came to fit, or no
-- longer does, is counted again for the definitions concerned.
-- Reads :definitions, :conditions, :masks, :budgets (JSON, see usage_pipeline/budgets/definitions.py), the tables
-- that name values, daily tables. Writes stage_*, usage.budget_definition, usage.budget_condition,
-- usage.budget_day. Safe to run twice.
INSERT INTO usage.budget_definition AS known (hash)
SELECT d.hash FROM jsonb_to_recordset(:'definitions'::jsonb) AS d (hash text)
-- One that is known and was used lately is not even locked: past days are evaluated side by side.
WHERE NOT EXISTS (
    SELECT FROM usage.budget_definition k WHERE k.hash = d.hash AND k.last_used_at >= now() - interval '1 day'
)
ORDER BY d.hash
ON CONFLICT (hash) DO UPDATE SET last_used_at = now() WHERE known.last_used_at < now() - interval '1 day';

INSERT INTO stage_definition
SELECT d.n, k.definition_id, d.hash, d.by_event, d.by_quarter, d.estimated, :per_flags
FROM jsonb_to_recordset(:'definitions'::jsonb)
     AS d (n integer, hash text, by_event boolean, by_quarter boolean, estimated boolean, per jsonb)
JOIN usage.budget_definition k USING (hash);

INSERT INTO stage_condition
SELECT c.dimension, c.hash, c.included, c.excluded, c.exact_included, c.exact_excluded, c.mask::varbit
FROM jsonb_to_recordset(:'conditions'::jsonb)
     AS c (dimension text, hash text, included text[], excluded text[],
          exact_included text[], exact_excluded text[], mask text);

INSERT INTO stage_mask
SELECT m.dimension, m.base::varbit, m.absent::varbit
FROM jsonb_to_recordset(:'masks'::jsonb) AS m (dimension text, base text, absent text);

INSERT INTO stage_budget
SELECT b.id, b.n, b.period, b.zone, b.terms, b.rollover, :per_of_tenants, :any_per
FROM jsonb_to_recordset(:'budgets'::jsonb)
     AS b (id text, n integer, period text, zone text, terms text, rollover numeric)
JOIN stage_definition d USING (n);

INSERT INTO stage_limit
SELECT b.id, l.measure, l.allowed::numeric
FROM jsonb_to_recordset(:'budgets'::jsonb) AS b (id text, limits jsonb)
CROSS JOIN LATERAL jsonb_each_text(b.limits) AS l (measure, allowed);

INSERT INTO stage_tier
SELECT b.id, t."on", t.at, t.level, t.for_seconds, t.min_spend
FROM jsonb_to_recordset(:'budgets'::jsonb) AS b (id text, tiers jsonb)
CROSS JOIN LATERAL jsonb_to_recordset(b.tiers)
     AS t ("on" text, at numeric, level text, for_seconds numeric, min_spend jsonb);

WITH named (dimension, source, id, name, alias) AS (
    :named
), fitting AS (
    SELECT c.hash, c.dimension, v.source, v.id
    FROM stage_condition c
    JOIN named v ON v.dimension = c.dimension
     AND (c.included IS NULL OR v.source || '/' || v.id = ANY (c.exact_included) OR v.id LIKE ANY (c.included)
          OR v.name LIKE ANY (c.included)
          OR v.alias LIKE ANY (c.included))
     AND (c.excluded IS NULL OR NOT (v.source || '/' || v.id = ANY (c.exact_excluded) OR v.id LIKE ANY (c.excluded) OR coalesce(v.name LIKE ANY (c.excluded), false)
                                       OR coalesce(v.alias LIKE ANY (c.excluded), false)))
), known AS (
    SELECT k.hash, k.dimension, k.source, k.id FROM usage.budget_condition k JOIN stage_condition USING (hash)
)
INSERT INTO stage_changed_member
SELECT hash, dimension, source, id, f.hash IS NOT NULL
FROM fitting f
FULL JOIN known k USING (hash, dimension, source, id)
WHERE f.hash IS NULL OR k.hash IS NULL;

DELETE FROM usage.budget_condition k
USING stage_changed_member c
WHERE NOT c.fits AND (k.hash, k.dimension, k.source, k.id) = (c.hash, c.dimension, c.source, c.id);

INSERT INTO usage.budget_condition (hash, dimension, source, id)
SELECT hash, dimension, source, id FROM stage_changed_member WHERE fits;

UPDATE usage.budget_day b SET version = 0
FROM (
    SELECT DISTINCT d.definition_id, u.usage_date
    FROM stage_changed_member m
    JOIN stage_condition c USING (hash)
    JOIN stage_definition d ON get_bit(c.mask, d.n) = 1
    JOIN (
    :days_of_named
    ) AS u (dimension, source, id, usage_date) ON u.dimension = m.dimension AND u.source = m.source AND u.id = m.id
) AS concerned
WHERE b.definition_id = concerned.definition_id AND b.usage_date = concerned.usage_date
  AND EXISTS (SELECT FROM stage_changed_member);
