"""What hypothesis draws: a company's calls, what is done to it between them, and the moments at which passes look."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from usage_pipeline.fake_dify.calls_basic import ENDINGS
from usage_pipeline.fake_dify.calls_workflow import RUN_ENDINGS
from usage_pipeline.fake_dify.habits import DIFY_1_12, Habits
from usage_pipeline_tests.support.histories.small_world import APPS, CHEAP, ZONES

# Where days, months and years turn, and clocks with them.
MOMENTS = (
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # Berlin's short day
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # its long day
    datetime(2026, 3, 8, 7, tzinfo=UTC),  # New York's short day
    datetime(2026, 11, 1, 6, tzinfo=UTC),  # its long day
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe turns back half an hour
    datetime(2026, 12, 31, 16, tzinfo=UTC),  # Shanghai's new year
    datetime(2026, 7, 14, 22, tzinfo=UTC),  # midnight of Berlin's summer
)
VERSIONS = {
    "0.15.8": Habits(usage_in="outputs", repeats_nested=False, short_providers=True, retries_in_rows=True),
    "1.4.0": Habits(usage_in="outputs", repeats_nested=False, retries_in_rows=True),
    "1.9.0": Habits(run_total="zero", repeats_nested=False),
    "1.9.2": Habits(run_total="doubled"),
    "1.12.1": Habits(),
    "1.13.0": Habits(keeps_created_at=False),
}
# A doubled total that also holds what only it knows cannot be told from either by one run's rows.
_PLAIN_ENDINGS = ("done", "never", "stopped", "broken_json", "truncated", "paused", "late_run", "lost_run")
CHILD_ENDINGS = ("done", "retry", "branch", "late_leaf", "overwritten", "broken_json")
OPERATIONS = ("delete_conversation", "delete_app", "delete_key", "rename", "retag", "retention")
_MAYBE = st.sampled_from((False, False, False, True))


@dataclass(frozen=True)
class CallPlan:
    """One call; ``at`` counts from the plan's moment."""

    app: str
    source: str
    at: timedelta
    ending: str
    seed: int
    late: timedelta = timedelta(0)
    version: str = "1.12.1"
    habits: Habits = DIFY_1_12
    child_ending: str = "done"
    waits: timedelta = timedelta(days=3)
    at_midnight: bool = False  # moved to the moments before the next midnight of its workspace
    nameless_entry: bool = False  # rows of old versions do not say where a call came from


@dataclass(frozen=True)
class Operation:
    """Something done to the company; ``target`` picks a call, an app or a key."""

    kind: str
    at: timedelta
    target: int


@dataclass(frozen=True)
class PassPlan:
    """A pass: shortly after some write of a call (``step`` picks it); it may be cut off at a statement."""

    step: int
    after: timedelta
    sweep: bool = True
    roll_up: bool = True
    dies_at: int | None = None
    source_dies_at: int | None = None
    rows_a_window: int | None = None
    call: int = 0


@dataclass(frozen=True)
class Plan:
    """A company's history and how it is read."""

    moment: datetime
    zones: tuple[str, ...]
    keys: tuple[tuple[int, timedelta], ...]  # app, when the key was made
    calls: tuple[CallPlan, ...]
    operations: tuple[Operation, ...] = ()
    passes: tuple[PassPlan, ...] = ()


def _seconds(low: int, high: int) -> st.SearchStrategy[timedelta]:
    return st.integers(low, high).map(lambda number: timedelta(seconds=number))


_OFFSETS = st.one_of(_seconds(-120, 120), _seconds(-7_200, 7_200), _seconds(-3 * 86_400, 3 * 86_400))
_LATE = st.one_of(st.just(timedelta(0)), _seconds(1, 90), _seconds(90, 4 * 3_600), _seconds(4 * 3_600, 40 * 3_600))
_CLOCKS = st.one_of(st.just(timedelta(0)), _seconds(1, 300))


@st.composite
def _habits(draw: st.DrawFn, app: str, version: str) -> Habits:
    habits = replace(VERSIONS[version], app_clock=draw(_CLOCKS), pace=draw(st.sampled_from((1.0, 30.0, 600.0))))
    if app in CHEAP:
        # Where no list price would step in, a price may also be unreadable.
        habits = replace(
            habits, price=draw(st.sampled_from(("text", "number", "empty", "word", "not_a_number", "null")))
        )
    else:
        habits = replace(habits, price=draw(st.sampled_from(("text", "number"))))
    if habits.usage_in == "process_data" and draw(_MAYBE):
        habits = replace(habits, usage_in="nowhere")
    return habits


@st.composite
def _calls(draw: st.DrawFn) -> CallPlan:
    app = draw(st.sampled_from(sorted(APPS)))
    spec = APPS[app]
    source = draw(st.sampled_from(spec.sources))
    seed, at, late = draw(st.integers(0, 2**32)), draw(_OFFSETS), draw(_LATE)
    if not spec.nodes:
        endings = ENDINGS if app in CHEAP else [ending for ending in ENDINGS if ending != "no_price"]
        return CallPlan(app, source, at, draw(st.sampled_from(endings)), seed, late, at_midnight=draw(_MAYBE),
                        nameless_entry=draw(_MAYBE))  # fmt: skip
    version = draw(st.sampled_from(sorted(VERSIONS)))
    doubled = VERSIONS[version].run_total == "doubled"
    return CallPlan(
        app, source, at, draw(st.sampled_from(_PLAIN_ENDINGS if doubled else RUN_ENDINGS)), seed, late, version,
        draw(_habits(app, version)), "done" if doubled else draw(st.sampled_from(CHILD_ENDINGS)),
        timedelta(hours=draw(st.integers(1, 15 * 24))), draw(st.booleans()),
    )  # fmt: skip


_OPERATIONS = st.builds(
    Operation, st.sampled_from(OPERATIONS), st.one_of(_OFFSETS, _seconds(3 * 86_400, 20 * 86_400)), st.integers(0, 30)
)
_PASSES = st.builds(
    PassPlan,
    # What is easily counted wrong happens at the end of a call, between two of its last writes.
    step=st.one_of(st.integers(-4, -1), st.integers(0, 60)),
    after=st.one_of(st.just(timedelta(0)), _seconds(0, 2), _seconds(0, 900), _seconds(0, 90_000)),
    sweep=st.booleans(),
    roll_up=st.booleans(),
    dies_at=st.one_of(st.none(), st.integers(1, 250)),
    source_dies_at=st.one_of(st.none(), st.none(), st.none(), st.integers(1, 40)),
    rows_a_window=st.sampled_from((None, 1, 3)),
    call=st.integers(0, 7),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Histories of a few calls, hard ones more often than in life."""
    return Plan(
        draw(st.sampled_from(MOMENTS)),
        tuple(draw(st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True))),
        tuple(draw(st.lists(st.tuples(st.integers(0, len(APPS) - 1), _OFFSETS), max_size=8))),
        tuple(draw(st.lists(_calls(), min_size=1, max_size=8))),
        tuple(draw(st.lists(_OPERATIONS, max_size=3))),
        tuple(draw(st.lists(_PASSES, max_size=6))),
    )
