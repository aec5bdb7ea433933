"""Reads that a PostgreSQL server cut for reasons of its own: which errors say so, and what helps."""

import psycopg

# A replica that replays what the read still needed, and a server that is stopped or has just begun.
_CUT = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.AdminShutdown,
    psycopg.errors.CrashShutdown,
    psycopg.errors.CannotConnectNow,
)
_OF_REPLAY = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


def was_cut(error: BaseException) -> bool:
    """Returns whether the same read may succeed a moment later: nothing is wrong with it."""
    return isinstance(error, _CUT)


def explain_cut(error: BaseException) -> str:
    """Returns what cut a read and what helps, in words."""
    text = str(error).splitlines()[0]
    if isinstance(error, _OF_REPLAY):
        return (
            f"{text}; the replica replays changes that the read still needed: set hot_standby_feedback = on there, "
            "or raise max_standby_streaming_delay"
        )
    return f"{text}; the server was stopped or is starting: it is read again when it answers"
