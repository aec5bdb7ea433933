-- What a pass has to evaluate: everything when something but spending changed or time went on, else what spent.
-- Adds empty tables: safe on a live warehouse. Runs once; alembic keeps the record in usage.schema_version.
CREATE TABLE usage.evaluation (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    evaluated_at  timestamptz NOT NULL,
    looked_at     timestamptz NOT NULL,
    inputs        text NOT NULL,
    rolled        bigint NOT NULL,
    levels        jsonb NOT NULL
);

COMMENT ON TABLE usage.evaluation IS 'When budgets were last evaluated, and by what; one row';
COMMENT ON COLUMN usage.evaluation.only_row IS 'Always true: there is one row';
COMMENT ON COLUMN usage.evaluation.evaluated_at IS 'When every value of every budget was last evaluated';
COMMENT ON COLUMN usage.evaluation.looked_at IS 'When a pass last looked for values that had spent, and evaluated those';
COMMENT ON COLUMN usage.evaluation.inputs IS 'Digest of what decides beside spending: configuration, names, zones, raises';
COMMENT ON COLUMN usage.evaluation.rolled IS 'How many days had been rolled up, each as often as it was';
COMMENT ON COLUMN usage.evaluation.levels IS 'How many values stand at each level';

CREATE TABLE usage.budget_touched (
    value_id    integer NOT NULL,
    usage_date  date NOT NULL,
    PRIMARY KEY (value_id, usage_date)
);

COMMENT ON TABLE usage.budget_touched IS 'Values of budgets whose spending on a day changed since they were last evaluated';
COMMENT ON COLUMN usage.budget_touched.value_id IS 'As in usage.budget_value';
COMMENT ON COLUMN usage.budget_touched.usage_date IS 'The day in the zone of the value''s tenant';
