"""The checkers' memory as a finite key, the same for all executions that checkers cannot tell apart (DESIGN 2, State).

Events have numbers that grow and that differ between interleavings. What matters of them from here on is little: for
each version that still lies somewhere, who knows of it, and who knows of a write that comes after it. Both are sets
of actors and of objects that actors synchronise by, and both change in the same way when one of these learns what
another one knows; so which write it was, and how many there were, matters to nobody.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from dmabuf_async.machine.word import INITIAL

if TYPE_CHECKING:
    from dmabuf_async.machine.storage import Page
    from dmabuf_async.machine.word import Word
    from dmabuf_async.thing import Thing


def memory_of(pages: Iterable[Page], knowing: Iterable[Thing]) -> Hashable:
    """The key of what is remembered of the words of ``pages``.

    ``knowing`` are the actors and objects that have a past; names identify them.
    """
    pasts = sorted((f"{thing.KIND} {thing.name}", thing.past) for thing in knowing if thing.past)
    return tuple(
        (page.name, _copying(page), tuple(_word(word, pasts) for word in page.words))
        for page in pages
        if page.copying.progress or page.copying.gone or any(word.held.later[INITIAL] for word in page.words)
    )


def _copying(page: Page) -> Hashable:
    progress = sorted((to.name, source.name, words) for to, (source, words) in page.copying.progress.items())
    return tuple(progress), tuple(sorted(location.name for location in page.copying.gone))


def _word(word: Word, pasts: list[tuple[str, int]]) -> Hashable:
    held = word.held
    at = sorted((location.name, version) for location, version in held.at.items())
    numbers = {INITIAL: 0}
    for _, version in at:
        numbers.setdefault(version, len(numbers))
    versions = tuple(
        (
            _knowing(version, pasts),
            _knowing(held.later[version], pasts),
            tuple(numbers[other] for other in numbers if held.before(other, version)),
        )
        for version in numbers
    )
    return (
        tuple((name, numbers[version]) for name, version in at),
        versions,
        tuple(sorted(target.name for target in held.torn)),
    )


def _knowing(events: int, pasts: list[tuple[str, int]]) -> tuple[str, ...]:
    return tuple(name for name, past in pasts if past & events)
