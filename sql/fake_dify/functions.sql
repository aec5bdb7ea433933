-- The functions that Dify's own migrations make and its columns' defaults use.
-- Writes functions of a made-up Dify. Safe to run twice: each is made anew, or only where it lacks.
CREATE OR REPLACE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
DO $$ BEGIN
    IF to_regproc('uuidv7') IS NULL THEN
        CREATE FUNCTION uuidv7() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
    END IF;
END $$;
