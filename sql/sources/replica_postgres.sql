-- How far a server that follows another has replayed what that one committed; a primary says is_replica = false and nothing
-- else. Positions in the log are in bytes; receiving: a process is connected to the primary (anybody may see that).
-- Right after a start nothing has been replayed: then the last checkpoint is what surely is there.
-- Reads the server's state. Writes nothing.
SELECT pg_is_in_recovery() AS is_replica,
       clock_timestamp() AS clock,
       CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END AS paused,
       EXISTS (SELECT FROM pg_stat_wal_receiver) AS receiving,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() - '0/0' END AS received,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0' END AS replayed,
       CASE WHEN pg_is_in_recovery() THEN
           coalesce(pg_last_xact_replay_timestamp(), (SELECT c.checkpoint_time FROM pg_control_checkpoint() c))
       END AS replayed_up_to
