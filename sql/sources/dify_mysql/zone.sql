-- What the server's clock showed, or will show, at one moment of each week since 2023 and for a year to come: by it the
-- zone is known in which the server fills times by itself. Reads no table. Writes nothing.
WITH RECURSIVE week AS (
    SELECT 1672531200 AS moment
    UNION ALL
    SELECT moment + 604800 FROM week WHERE moment < UNIX_TIMESTAMP() + 31536000
)
SELECT moment, FROM_UNIXTIME(moment) AS shown FROM week
