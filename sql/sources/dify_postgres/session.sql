-- Makes a session one that can only read, gives up after :statement_timeout milliseconds, and waits for no writer.
-- A planner with stale statistics must not be able to decide to read a big table whole: hence enable_seqscan.
-- Reads and writes nothing; may run again at any time.
SET default_transaction_read_only = on;
SET TimeZone = 'UTC';
SET statement_timeout = :'statement_timeout';
SET lock_timeout = '2s';
SET idle_in_transaction_session_timeout = '60s';
SET jit = off;
SET enable_seqscan = off
