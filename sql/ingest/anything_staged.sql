-- Whether a source has staged anything to be counted: most windows of a quiet source, and of its tables without an index
-- on their times, hold nothing, and planning all statements of counting for nothing takes longer than anything else.
-- Reads the staging tables that sources fill, and aside, which holds what could not be read at all. Writes nothing.
SELECT EXISTS (SELECT FROM stage_message) OR EXISTS (SELECT FROM stage_run) OR EXISTS (SELECT FROM stage_node)
    OR EXISTS (SELECT FROM stage_tool_call) OR EXISTS (SELECT FROM stage_document) OR EXISTS (SELECT FROM stage_log)
    OR EXISTS (SELECT FROM aside);
