-- Processes of readers' sessions in this database that run, or hold a transaction, for longer than :longest, or hold an
-- advisory lock. Reads usage.reader and PostgreSQL's views of its sessions and locks. Writes nothing.
SELECT s.pid
FROM pg_stat_activity s
WHERE s.usename IN (SELECT role_name FROM usage.reader)
  AND s.pid <> pg_backend_pid()
  AND s.datname = current_database()
  AND (s.xact_start < clock_timestamp() - :'longest'::interval
       OR s.state <> 'idle' AND s.query_start < clock_timestamp() - :'longest'::interval
       OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = s.pid AND l.locktype = 'advisory'))
