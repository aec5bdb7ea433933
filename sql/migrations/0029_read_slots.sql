-- What of a source has been read and counted as it stands, so that the look-back reads again only what was written since.
-- Adds an empty table: safe on a live warehouse. Runs once; alembic keeps the record in usage.schema_version.
CREATE TABLE usage.read_slot (
    source     text NOT NULL,
    starts_at  timestamptz NOT NULL,
    digest     numeric NOT NULL,
    rules      text NOT NULL,
    read_at    timestamptz NOT NULL,
    PRIMARY KEY (source, starts_at)
);

COMMENT ON TABLE usage.read_slot IS 'Ten seconds of a source that were read and counted, as they stood then; kept for the look-back';
COMMENT ON COLUMN usage.read_slot.source IS 'Short id of the source in the configuration';
COMMENT ON COLUMN usage.read_slot.starts_at IS 'First moment of the ten seconds';
COMMENT ON COLUMN usage.read_slot.digest IS 'Digest of the source''s rows: another one after each write to any of them';
COMMENT ON COLUMN usage.read_slot.rules IS 'Digest of the rules, projects, keys and zones by which they were counted';
COMMENT ON COLUMN usage.read_slot.read_at IS 'When it was read, by the source''s clock';
