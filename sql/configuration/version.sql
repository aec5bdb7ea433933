-- One version of the configuration file. Reads usage.config_version. Writes nothing.
SELECT version_id AS version, loaded_at, changed_by, diff FROM usage.config_version WHERE version_id = :'version_id'::bigint
