"""What the warehouse must say after each pass, known from what the calls truly used and from which passes saw it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import product
from zoneinfo import ZoneInfo

from usage_pipeline.fake_dify.history import is_event, with_key
from usage_pipeline.fake_dify.scripts import CallScript, RunScript, TrueUnit, UnitScript
from usage_pipeline.fake_dify.world import World
from usage_pipeline_tests.support.histories.operations import Done

# The configuration's price per million tokens of input and output for models that Dify does not price.
FILLED = {"qwen3-32b-local": (Decimal("2.0"), Decimal("6.0"))}
# Units of the base currency for a dollar, from the usage date on.
RATES = ((date(2026, 1, 1), Decimal("7.10")), (date(2026, 3, 29), Decimal("7.25")), (date(2026, 11, 1), Decimal("6.9")))
_COMPARED = ("tenant_id", "app_id", "app_mode", "run_id", "node_id", "node_type", "provider", "model", "input_tokens",
             "output_tokens", "total_tokens", "status", "occurred_at")  # fmt: skip
_CALLER = ("caller_kind", "caller_id")
_KEY = ("api_key_id", "key_attribution")


@dataclass
class Expectation:
    """One true unit: what the ledger must say of it, and what it may say instead since a pass ended early."""

    script: UnitScript | RunScript
    gone_at: datetime | None
    must: TrueUnit | None = None
    may: list[TrueUnit | None] = field(default_factory=list)
    caller_unsure: bool = False
    seen_over: bool | None = False  # a run: whether a pass saw it ended; None: perhaps

    def accepted(self) -> list[TrueUnit | None]:
        """Every state that the ledger may be in."""
        return [self.must, *self.may]

    def with_names_kept(self, unit: TrueUnit | None) -> list[TrueUnit | None]:
        """A state and what may be known instead: a model that was named once stays so."""
        if unit is None or unit.provider is not None:
            return [unit]
        if self.must is not None and self.must.provider is not None:
            return [replace(unit, provider=self.must.provider, model=self.must.model)]
        named = {(seen.provider, seen.model) for seen in self.may if seen is not None and seen.provider is not None}
        return [unit, *(replace(unit, provider=provider, model=model) for provider, model in sorted(named))]

    def as_of(self, moment: datetime) -> TrueUnit | None:
        """What the source says at a moment; nothing yet for nodes that have not called a model."""
        unit = self.script.as_of(moment)
        return unit if unit is not None and is_event(unit) else None


class Oracle:
    """Follows the passes over a history and says whether the ledger is right."""

    def __init__(self, world: World, calls: Iterable[CallScript], done: Done) -> None:
        self._world, self._done = world, done
        self._apps = {app.app_id: app for app in world.apps.values()}
        self._zones = dict(world.tenants.values())
        self._known: dict[str, Expectation] = {}
        self._swept: list[datetime] = []
        self._most_of_run: dict[str, int] = {}  # tokens that the source has said of a run at most
        for script in (script for call in calls for script in (*call.units, *call.runs)):
            unit = script.residual if isinstance(script, RunScript) else script.versions[0][1]
            self._known[unit.event_id] = Expectation(script, done.gone_at.get(unit.event_id))

    def saw(self, moment: datetime, *, everything: bool) -> None:
        """A pass looked at the source as of a moment; ``everything``: to its end, and all that may have changed."""
        of_runs: dict[str, int] = defaultdict(int)
        emptied: dict[str, list[TrueUnit | None]] = {}  # what may stand of leaves that a late note has emptied
        for event_id, known in self._known.items():
            caller_gone = self._done.caller_gone_at.get(event_id)
            if caller_gone and caller_gone <= moment and known.must is None:
                known.caller_unsure = True
            if known.gone_at and known.gone_at <= moment:
                continue
            if isinstance(known.script, RunScript):
                states = self._of_run(known, known.script, moment, emptied, everything=everything)
            else:
                states = self._of_unit(known, known.script, moment)
                if known.script.emptied_at and known.script.emptied_at <= moment:
                    emptied[event_id] = states
            if states[0] is not None and states[0].run_id:
                of_runs[states[0].run_id] += states[0].total_tokens
            if everything:
                known.must, known.may = states[0], [*states[1:]]
            else:
                known.may += [state for state in states if state not in known.accepted()]
        for run_id, tokens in of_runs.items():
            self._most_of_run[run_id] = max(tokens, self._most_of_run.get(run_id, 0))
        if everything:
            self._swept.append(moment)

    @staticmethod
    def _of_unit(known: Expectation, script: UnitScript, moment: datetime) -> list[TrueUnit | None]:
        """What a unit may say: what was counted stays when a late note empties its row."""
        unit = known.as_of(moment)
        states = known.with_names_kept(unit)
        if script.emptied_at is None or script.emptied_at > moment:
            return states
        counted = [seen for seen in known.accepted() if seen is not None and seen.total_tokens]
        return [known.must] if known.must in counted else [*states, *counted]

    def _of_run(
        self, known: Expectation, run: RunScript, moment: datetime, emptied: Mapping[str, list[TrueUnit | None]],
        *, everything: bool,
    ) -> list[TrueUnit | None]:  # fmt: skip
        """What a run's residual may be: what its total says beyond what stands of its leaves."""
        if run.ended_at is None or run.ended_at > moment:
            return [None]
        reopened = run.reopened_at is not None and run.reopened_at <= moment
        if not reopened and known.seen_over is not True:
            known.seen_over = True if everything else None
        if reopened and known.seen_over is False:
            return [None]
        leaves = [(leaf.versions[0][1].event_id, leaf.as_of(moment)) for leaf in run.leaves]
        options = [
            [seen.total_tokens if seen else 0 for seen in emptied.get(event_id, [unit])] for event_id, unit in leaves
        ]
        nested = sum(tokens for at, tokens in run.nested if at <= moment)
        states: list[TrueUnit | None] = []
        for parts in product(*options):
            left = run.total_tokens - nested - sum(parts)
            unit = self._dated(run, replace(run.residual, total_tokens=left)) if left > 0 else None
            states += [unit] if unit not in states else []
        return states + ([None] if reopened and known.seen_over is None and None not in states else [])

    def _dated(self, run: RunScript, unit: TrueUnit) -> TrueUnit:
        """A run that was first seen after it was resumed has, in old versions, no other time of creation."""
        moved = run.moved_to
        if moved is None or any(unit.occurred_at <= seen < moved for seen in self._swept):
            return unit
        return replace(unit, occurred_at=moved)

    def _begun(self, unit: TrueUnit) -> datetime:
        """When the unit's call began, as far as its source says it."""
        known = self._known.get(f"residual:{unit.run_id}") if unit.run_id else None
        if known is None or not isinstance(known.script, RunScript):
            return unit.occurred_at
        return self._dated(known.script, known.script.residual).occurred_at

    def wrong(self, events: Mapping[str, Mapping[str, object]]) -> list[str]:
        """What the ledger says that is not so, in words; empty when all is well."""
        # Estimates stand beside what Dify logged; the oracle knows what was logged.
        events = {event_id: event for event_id, event in events.items() if event["basis"] == "logged"}
        found = [f"{event_id} was never a call" for event_id in events.keys() - self._known.keys()]
        found += self._counted_twice(events)
        for event_id, known in self._known.items():
            event, accepted = events.get(event_id), known.accepted()
            if event is None:
                found += [] if None in accepted else [f"{event_id} is missing: {known.must}"]
                continue
            differences = [self._differences(known, unit, event) for unit in accepted if unit is not None]
            if not differences:
                found.append(f"{event_id} is not there: {dict(event)}")
            elif not any(difference == {} for difference in differences):
                found.append(f"{event_id} (wanted, found): {differences}")
        return found

    def _counted_twice(self, events: Mapping[str, Mapping[str, object]]) -> list[str]:
        """Runs of which the ledger has more than the source ever said: a leaf and a residual that stands for it."""
        of_runs: dict[str, int] = defaultdict(int)
        for event in events.values():
            of_runs[str(event["run_id"])] += int(str(event["total_tokens"])) if event["run_id"] else 0
        return [
            f"run {run_id} has {tokens} tokens, its source said {self._most_of_run.get(run_id, 0)} at most"
            for run_id, tokens in of_runs.items()
            if tokens > self._most_of_run.get(run_id, 0)
        ]

    def _differences(
        self, known: Expectation, unit: TrueUnit, event: Mapping[str, object]
    ) -> dict[str, tuple[object, object]]:
        wanted = self.expected(unit)
        names: Sequence[str] = [*_COMPARED, "usage_date", "cost", "currency", "base_cost", "price_source"]
        if not known.caller_unsure:
            names = [*names, *_CALLER]
            if unit.app_id not in self._done.keys_unsure:
                names = [*names, *_KEY]
        if unit.run_id and (unit.status, event["status"]) == ("running", "stopped"):
            # A run of which nothing has happened for an hour has ended.
            names = [name for name in names if name != "status"]
        found = {name: (wanted[name], event[name]) for name in names if wanted[name] != event[name]}
        environments = self._done.environments[unit.app_id]
        if event["environment"] not in environments:
            found["environment"] = (environments, event["environment"])
        return found

    def expected(self, unit: TrueUnit) -> dict[str, object]:
        """A true unit by the warehouse's words, with its day, its key and its price."""
        # Whose key it was is told by which keys there were when the call began, not when its node did.
        keyed = with_key(self._apps[unit.app_id], replace(unit, occurred_at=self._begun(unit)), ())
        unit = replace(unit, api_key_id=keyed.api_key_id, key_attribution=keyed.key_attribution)
        day = unit.occurred_at.astimezone(ZoneInfo(self._zones[unit.tenant_id])).date()
        cost, currency, source = unit.cost, unit.currency, "dify"
        if unit.event_id.startswith("residual:"):
            source = "unpriced"
        elif unit.cost is None:
            source = "unpriced"
            if unit.model in FILLED and unit.input_tokens + unit.output_tokens == unit.total_tokens:
                prices = FILLED[unit.model]
                cost = (unit.input_tokens * prices[0] + unit.output_tokens * prices[1]) / Decimal(1_000_000)
                currency, source = "CNY", "override"
        rate = [rate for since, rate in RATES if since <= day][-1] if currency == "USD" else Decimal(1)
        return {name: getattr(unit, name) for name in (*_COMPARED, *_CALLER, *_KEY)} | {
            "usage_date": day, "cost": cost, "currency": currency, "price_source": source,
            "base_cost": None if cost is None else cost * rate,
        }  # fmt: skip
