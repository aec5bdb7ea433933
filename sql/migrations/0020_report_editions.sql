-- Creates what a report said when it was made final or sent: a later one marks what was corrected since.
-- Reads nothing. Safe to run once; alembic keeps the record of that in usage.schema_version.

CREATE TABLE usage.report_edition (
    edition         text NOT NULL,                -- day, week or month
    first_day       date NOT NULL,
    source          text NOT NULL DEFAULT '',     -- of the tenant whose report it is; '' with tenant_id '': everybody's
    tenant_id       text NOT NULL DEFAULT '',
    made_at         timestamptz NOT NULL,
    sent_at         timestamptz,                  -- null: it was final, and went to nobody
    config_version  bigint REFERENCES usage.config_version,  -- that was active when the edition ended
    said            jsonb NOT NULL,               -- {"base_cost": "79.19", "budget|<id>|<value>|spent": ...}: exact, as text
    PRIMARY KEY (edition, first_day, source, tenant_id)
);
COMMENT ON TABLE usage.report_edition IS 'What a report said when it was sent, or first was final: later ones mark what was corrected since';
