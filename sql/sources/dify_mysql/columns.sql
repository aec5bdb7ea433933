-- The columns that the session may read, a row each, with their character set and collation where they are text. Reads information_schema. Writes nothing.
SELECT c.TABLE_NAME AS table_name, c.COLUMN_NAME AS column_name,
       c.CHARACTER_SET_NAME AS character_set_name, c.COLLATION_NAME AS collation_name
FROM information_schema.COLUMNS c
WHERE c.TABLE_SCHEMA = DATABASE() AND FIND_IN_SET('select', c.PRIVILEGES) > 0
