"""Reads that a server cut for reasons of its own: which errors say so, what helps, and reading again."""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import psycopg

from usage_pipeline.sources.base import SourceInterruptedError
from usage_pipeline.sources.watchdog import reading_was_ended

P = ParamSpec("P")
T = TypeVar("T")
_TRIES = 3
_PAUSE_SECONDS = 1.0
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
    return (
        f"{text}; the server ended the session: it was stopped, or, a replica, replays changes that the read still "
        "needed (there set hot_standby_feedback = on, or raise max_standby_streaming_delay)"
    )


def read_through_cuts(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Returns what ``read`` returns, which is called again up to twice, a second later, when the server cuts it.

    Raises SourceInterruptedError when it is cut each time.
    """
    return read_less_when_cut(lambda _: read(*args, **kwargs))


def read_less_when_cut(read: Callable[[int], T]) -> T:
    """The same for a read that is told how often it was cut before, so that it can take less at once."""
    for cuts in range(_TRIES - 1):
        try:
            return read(cuts)
        except SourceInterruptedError:
            if reading_was_ended():
                raise
            time.sleep(_PAUSE_SECONDS)
    return read(_TRIES - 1)
