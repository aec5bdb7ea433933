-- Takes what changed in the days :days, for whoever adds it to the daily tables in the same transaction.
-- Reads and writes usage.usage_change along usage_date. Writes roll_change, a temporary table.
CREATE TEMP TABLE IF NOT EXISTS roll_change (LIKE usage.usage_change) ON COMMIT DELETE ROWS;

WITH taken AS (
    DELETE FROM usage.usage_change WHERE usage_date = ANY(:'days'::date[]) RETURNING *
)
INSERT INTO roll_change SELECT * FROM taken;

ANALYZE roll_change;
