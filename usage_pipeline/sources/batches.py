"""Cuts long lists of ids into pieces that one statement can carry."""

from collections.abc import Iterator, Sequence


def batches(ids: Sequence[str], size: int) -> Iterator[list[str]]:
    """The ids in their order, at most ``size`` at a time."""
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])
