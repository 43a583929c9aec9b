"""Which pictures of a mix are held out for validation: a seeded draw, without leaks between the sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.data import split_pairs


@dataclass(frozen=True, slots=True)
class SetSplit:
    """Indices into one set's pictures. `removed` are neither: they are held out through another set."""

    training: tuple[int, ...]
    validation: tuple[int, ...]
    removed: tuple[int, ...]


def split_sets(sets: Sequence[Sequence[frozenset[str]]], held_out: int, seed: int) -> list[SetSplit]:
    """Hold pictures out of every set, in proportion to what is its own, at most a quarter of that.

    A picture of several sets is drawn as one of the first set that has it, and held out of all of them. One
    set alone is split as `split_pairs(count, min(held_out, count // 4), seed)` says.

    sets: for each picture of each set, what tells that it is the same as another (one mark in common).
    """
    own = _own(sets)
    shares = share_out([len(indices) for indices in own], held_out)
    drawn = [
        [indices[i] for i in split_pairs(len(indices), share, seed)[1]]
        for indices, share in zip(own, shares, strict=True)
    ]
    held = {mark for marks, indices in zip(sets, drawn, strict=True) for i in indices for mark in marks[i]}
    return [_split(marks, indices, held) for marks, indices in zip(sets, drawn, strict=True)]


def share_out(sizes: Sequence[int], held_out: int) -> list[int]:
    """How many are held out of each set: in proportion, by largest remainder, at most a quarter of each."""
    caps = [size // 4 for size in sizes]
    wanted = min(held_out, sum(caps))
    quotas = [wanted * size / max(1, sum(sizes)) for size in sizes]
    shares = [int(quota) for quota in quotas]
    for _ in range(wanted - sum(shares)):
        open_sets = [i for i in range(len(sizes)) if shares[i] < caps[i]]
        shares[max(open_sets, key=lambda i: quotas[i] - shares[i])] += 1
    return shares


def _own(sets: Sequence[Sequence[frozenset[str]]]) -> list[list[int]]:
    """The pictures of each set that no earlier set has."""
    seen: set[str] = set()
    own = []
    for marks in sets:
        own.append([i for i, each in enumerate(marks) if not each & seen])
        seen.update(*marks)
    return own


def _split(marks: Sequence[frozenset[str]], validation: Sequence[int], held: set[str]) -> SetSplit:
    others = sorted(set(range(len(marks))) - set(validation))
    return SetSplit(
        tuple(i for i in others if not marks[i] & held),
        tuple(validation),
        tuple(i for i in others if marks[i] & held),
    )
