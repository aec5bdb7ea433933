-- The columns of every index that can be used, in their order, a row each. Reads information_schema. Writes nothing.
-- What differs between servers (IS_VISIBLE on MySQL, IGNORED on MariaDB) is looked at by the caller.
SELECT s.*
FROM information_schema.STATISTICS s
WHERE s.TABLE_SCHEMA = DATABASE() AND s.SUB_PART IS NULL AND s.INDEX_TYPE = 'BTREE'
ORDER BY s.TABLE_NAME, s.INDEX_NAME, s.SEQ_IN_INDEX
