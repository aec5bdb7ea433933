-- What changed in the events of days that were rolled up already: a pass adds it to the daily tables, whatever their size.
-- Adds an empty table and a column with a constant default: safe on a live warehouse. Days that wait are made anew as
-- before. Runs once; alembic keeps the record in usage.schema_version.
ALTER TABLE usage.changed_day ADD COLUMN anew boolean NOT NULL DEFAULT true;

COMMENT ON COLUMN usage.changed_day.anew IS 'Whether the day is made again from all its events; else usage_change is added to it';

CREATE TABLE usage.usage_change (
    source            text NOT NULL,
    usage_date        date NOT NULL,
    tenant_id         text NOT NULL,
    environment       text NOT NULL,
    app_id            text NOT NULL,
    api_key_id        text,
    key_attribution   text NOT NULL,
    caller_kind       text NOT NULL,
    caller_id         text,
    provider          text,
    model             text,
    currency          text,
    node_id           text,
    node_type         text,
    node_title        text,
    hour              smallint NOT NULL,
    calls             bigint NOT NULL,
    failed_calls      bigint NOT NULL,
    input_tokens      bigint NOT NULL,
    output_tokens     bigint NOT NULL,
    total_tokens      bigint NOT NULL,
    estimated_tokens  bigint NOT NULL,
    unpriced_tokens   bigint NOT NULL,
    cost              numeric NOT NULL,
    base_cost         numeric NOT NULL
);
CREATE INDEX usage_change_day ON usage.usage_change (usage_date);

COMMENT ON TABLE usage.usage_change IS 'What each event that was added, changed or removed adds to or takes from its day; gone once it is rolled up';
COMMENT ON COLUMN usage.usage_change.source IS 'Short id of the source in the configuration';
COMMENT ON COLUMN usage.usage_change.usage_date IS 'The day in the tenant''s zone';
COMMENT ON COLUMN usage.usage_change.tenant_id IS 'Workspace of Dify';
COMMENT ON COLUMN usage.usage_change.environment IS 'As the configuration says: dev, prod, …';
COMMENT ON COLUMN usage.usage_change.app_id IS 'Project it is booked to';
COMMENT ON COLUMN usage.usage_change.api_key_id IS 'API key, where one is told';
COMMENT ON COLUMN usage.usage_change.key_attribution IS 'How the key is known';
COMMENT ON COLUMN usage.usage_change.caller_kind IS 'Kind of caller';
COMMENT ON COLUMN usage.usage_change.caller_id IS 'Caller, where known';
COMMENT ON COLUMN usage.usage_change.provider IS 'Provider of the model';
COMMENT ON COLUMN usage.usage_change.model IS 'Model';
COMMENT ON COLUMN usage.usage_change.currency IS 'Currency of cost';
COMMENT ON COLUMN usage.usage_change.node_id IS 'Node of a workflow; null: messages and residuals';
COMMENT ON COLUMN usage.usage_change.node_type IS 'Type of the node';
COMMENT ON COLUMN usage.usage_change.node_title IS 'Title of the node';
COMMENT ON COLUMN usage.usage_change.hour IS 'Hour of the day in the tenant''s zone';
COMMENT ON COLUMN usage.usage_change.calls IS 'Calls more or less';
COMMENT ON COLUMN usage.usage_change.failed_calls IS 'Failed calls more or less';
COMMENT ON COLUMN usage.usage_change.input_tokens IS 'Input tokens more or less';
COMMENT ON COLUMN usage.usage_change.output_tokens IS 'Output tokens more or less';
COMMENT ON COLUMN usage.usage_change.total_tokens IS 'Tokens more or less';
COMMENT ON COLUMN usage.usage_change.estimated_tokens IS 'Estimated tokens more or less';
COMMENT ON COLUMN usage.usage_change.unpriced_tokens IS 'Tokens without a price, more or less';
COMMENT ON COLUMN usage.usage_change.cost IS 'Cost more or less, in the row''s currency';
COMMENT ON COLUMN usage.usage_change.base_cost IS 'Cost more or less, in the configuration''s currency';
