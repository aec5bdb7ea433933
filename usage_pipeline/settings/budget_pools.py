"""Pools: a budget whose `parent` is another lies within it, so that what it spends counts in both."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from usage_pipeline.settings.budget import Budget
from usage_pipeline.settings.dimensions import BY_KEY

Wrong = tuple[int, tuple[str, ...], str, str, str]  # position, field, value, message, fix


def check_pools(budgets: Sequence[Budget]) -> Iterator[Wrong]:
    """Returns each budget whose parent is not there, is itself in the end, or does not take in all of the budget."""
    by_id = {budget.id: budget for budget in budgets}
    for position, budget in enumerate(budgets):
        if budget.parent is None:
            continue
        parent = by_id.get(budget.parent)
        if parent is None:
            close = get_close_matches(budget.parent, list(by_id), n=1)
            hint = f", did you mean {close[0]!r}?" if close else ""
            yield position, ("parent",), budget.parent, "is not a budget", f"write the id of a budget{hint}"
        elif loop := _loop(budget, by_id):
            yield position, ("parent",), budget.parent, "goes round in a loop", f"break it: {' > '.join(loop)}"
        else:
            yield from ((position, *wrong) for wrong in _outside(budget, parent))


def _loop(budget: Budget, by_id: Mapping[str, Budget]) -> list[str] | None:
    """The way from a budget up to itself."""
    way = [budget.id]
    above = budget.parent
    while above in by_id and above is not None:
        way.append(above)
        if above == budget.id:
            return way
        if way.count(above) > 1:
            return None  # a loop above it, which is told where it stands
        above = by_id[above].parent
    return None


def _outside(child: Budget, parent: Budget) -> Iterator[tuple[tuple[str, ...], str, str, str]]:
    """Where a child may spend what its parent does not count."""
    own = child.scope.values()
    for dimension, globs in parent.scope.values().items():
        outside = [glob for glob in own.get(dimension, ("*",)) if not covered(glob, globs)]
        if dimension not in own:
            yield (("scope",), dimension, f"does not lie within its parent {parent.id!r}, which is for certain values",
                   f"add {dimension}: {_written(globs)} to its scope, or choose another parent")  # fmt: skip
        elif outside:
            yield (("scope", dimension), outside[0], f"lies outside its parent {parent.id!r}",
                   f"the parent takes in {_written(globs)}")  # fmt: skip
    left_out = child.excluded()
    for dimension, globs in parent.excluded().items():
        for glob in globs:
            names = own.get(dimension, ("*",))
            if covered(glob, left_out.get(dimension, ())) or not any(_meet(name, glob) for name in names):
                continue
            yield (("scope",), glob, f"is left out by its parent {parent.id!r} but not here",
                   f"add not: {{{dimension}: {_written((glob,))}}} to its scope")  # fmt: skip
    known = _determined(child)
    for dimension in parent.per:
        if dimension not in known:
            yield (("per",), "", f"does not say which {dimension} of its parent {parent.id!r} a value lies in",
                   f"add {dimension} to `per:`, or name one {dimension} in its scope")  # fmt: skip


def _determined(budget: Budget) -> set[str]:
    """Dimensions of which each value of the budget has exactly one."""
    single = {name for name, globs in budget.scope.values().items() if len(globs) == 1 and not _is_glob(globs[0])}
    known = set(budget.per) | single
    return known | {above for dimension in known for above in BY_KEY[dimension].lies_in}


def covered(glob: str, by: Sequence[str]) -> bool:
    """Whether everything that fits the glob fits one of the others too."""
    # A star stands for any text: three odd characters fit only another star; a question mark for any one character.
    sample = glob.replace("*", "\x01\x02\x03").replace("?", "\x01")
    return any(fnmatchcase(sample, other) for other in by)


def _meet(one: str, other: str) -> bool:
    return covered(one, (other,)) or covered(other, (one,)) or (_is_glob(one) and _is_glob(other))


def _is_glob(text: str) -> bool:
    return "*" in text or "?" in text


def _written(globs: Sequence[str]) -> str:
    quoted = [f'"{glob}"' for glob in globs]
    return quoted[0] if len(quoted) == 1 else f"[{', '.join(quoted)}]"
