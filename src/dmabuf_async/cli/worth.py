"""What the silence of a campaign is worth, in words."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dmabuf_async.explore.verdict import Sample

_LATEST: Final = 1_000


def worth(sample: Sample, *, found: bool) -> list[tuple[str, str]]:
    """What the silence of a campaign is worth, in two lines: a name and words. ``found``: there were findings."""
    some = "" if sample.looked == sample.drawn else f"{sample.looked:,} of "
    classes = f"{'' if sample.every_class else 'about '}{_counted(sample.classes, 'happens-before class', 'es')}"
    states = f"{'' if sample.every_state else 'more than '}{_counted(sample.states, 'state')}"
    seen = f"{classes} and {states} in {some}{_counted(sample.drawn, f'{sample.sampler} execution')}"
    if sample.looked > _LATEST:
        seen += f"; {sample.new_per_thousand:,.0f} of the latest {_LATEST:,} of these were new"
    if sample.new is None or sample.new_bound is None or sample.exist is None:
        return [("seen", seen)]
    estimate, bound = share(sample.new), share(sample.new_bound, up=True)
    executions = f"of {sample.sampler} executions"
    new = f"about {estimate} {executions}, at most {bound}," if sample.new else f"at most {bound} {executions}"
    if estimate == bound:
        new = f"about {estimate} {executions}"
    left = [f"{new} are still of a new class"]
    if sample.new:
        left.append(f"about {sample.exist:,.0f} classes exist, or more")
    if sample.failure_bound is not None:
        what = "another finding" if found else "a finding"
        left.append(f"{what} comes in at most {share(sample.failure_bound, up=True)} of them")
    return [("seen", seen), ("left", f"{'; '.join(left)} (95% sure)")]


def _counted(number: int, what: str, plural: str = "s") -> str:
    return f"{number:,} {what}{plural * (number != 1)}"


def share(chance: float, *, up: bool = False) -> str:
    """A probability with two digits, or as one in so many; ``up``: never less than it is."""
    if chance < 0.001:
        return f"1 in {floor(1 / chance) if up else round(1 / chance):,}" if chance else "0%"
    digits = 1 - floor(log10(100 * chance))
    scaled = 100 * chance * 10**digits
    return f"{min(100.0, (ceil(scaled - 1e-9) if up else round(scaled)) / 10**digits):.{max(0, digits)}f}%"
