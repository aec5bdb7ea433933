"""Plays tests at another moment and in another zone of the machine: servers, programs and tests read one moved clock.

    python -m usage_pipeline_tests.support.moved_clock 2027-02-28T15:50 America/New_York [what pytest is given]
    python -m usage_pipeline_tests.support.moved_clock            # the whole suite at each of MOMENTS

The moment is in UTC and goes on from there. Needs a C compiler and Linux; what tests wait by is not moved.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

SOURCE = Path(__file__).with_name("moved_clock.c")
# Minutes before a year ends where the example's days end; the night in which Berlin's clocks go forward; a leap day and
# a month's last one on its way into the next; a weekend on the other side of the date line.
MOMENTS = (
    ("2026-12-31T15:55", "Asia/Shanghai"),
    ("2027-03-28T00:55", "Europe/Berlin"),
    ("2028-02-29T23:50", "America/New_York"),
    ("2027-07-24T11:57", "Pacific/Auckland"),
)


def environment(library: Path, moment: datetime, zone: str) -> Mapping[str, str]:
    """Returns the environment in which programs find it ``moment`` now."""
    moved_by = round((moment - datetime.now(UTC)).total_seconds())
    return {**os.environ, "LD_PRELOAD": str(library), "MOVED_CLOCK_S": str(moved_by), "TZ": zone}


def passed_on() -> Mapping[str, str]:
    """Returns what a program with an environment of its own needs to read the same clock; nothing where none moved."""
    return {name: os.environ[name] for name in ("LD_PRELOAD", "MOVED_CLOCK_S") if name in os.environ}


def compiled(folder: Path) -> Path:
    """Returns the library that moves the clock, made in a folder."""
    library = folder / "moved_clock.so"
    words = [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE)]
    subprocess.run(words, check=True)
    return library


def play(moments: Sequence[tuple[str, str]], words: Sequence[str]) -> int:
    """Runs pytest at each moment; returns how many of them failed."""
    failed = 0
    # Other accounts load it, too: the embedded server of a root's installation runs as one of its own.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        library = compiled(Path(folder))
        for moment, zone in moments:
            given = environment(library, datetime.fromisoformat(moment).replace(tzinfo=UTC), zone)
            failed += bool(subprocess.run([sys.executable, "-m", "pytest", *words], env=given, check=False).returncode)
    return failed


def main(words: Sequence[str]) -> int:
    """Returns 0 when all went well at each moment."""
    if words and words[0][:1].isdigit():
        return play([(words[0], words[1])], words[2:])
    return play(MOMENTS, words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
