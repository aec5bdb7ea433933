-- The limits of one read, which end with its transaction: behind a pooler the session is another client's next. It gives
-- up after :statement_timeout milliseconds and waits for no writer; the connection makes the transaction READ ONLY.
-- A planner with stale statistics must not be able to decide to read a big table whole: hence enable_seqscan.
-- Reads and writes nothing; may run again at any time.
SET LOCAL TimeZone = 'UTC';
SET LOCAL statement_timeout = :'statement_timeout';
SET LOCAL lock_timeout = '2s';
SET LOCAL idle_in_transaction_session_timeout = '60s';
SET LOCAL jit = off;
SET LOCAL enable_seqscan = off
