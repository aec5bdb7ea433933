-- The limits of one read of a log in PostgreSQL, which end with its transaction: behind a pooler the session is another
-- client's next. It gives up after :statement_timeout milliseconds and waits for no writer; the connection makes the
-- transaction READ ONLY. Reads and writes nothing; may run again at any time.
SET LOCAL TimeZone = 'UTC';
SET LOCAL statement_timeout = :'statement_timeout';
SET LOCAL lock_timeout = '2s';
SET LOCAL idle_in_transaction_session_timeout = '60s'
