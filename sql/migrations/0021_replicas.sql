-- How far a source that is read from a replica has come there. Adds columns that are null: safe on a live table. Runs once;
-- alembic keeps the record of that in usage.schema_version.
ALTER TABLE usage.source_state ADD COLUMN replayed_up_to timestamptz, ADD COLUMN final_up_to timestamptz;
COMMENT ON COLUMN usage.source_state.replayed_up_to IS
    'What was committed at the primary before it is here; null: the source is no replica, or keeps up';
COMMENT ON COLUMN usage.source_state.final_up_to IS
    'Days that end later may still change, for the replica has stopped or is behind; null: nothing is held back';
