"""The generations of the catalogue of mosaics: which is current, and which are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class ObjectsFile:
    """The objects of a generation's mosaics: two files that never change.

    ``file`` (a row an object) and ``mosaics`` (a row a mosaic) are paths below the output, and the digests
    the hex SHA-256 of their bytes; ``rows`` is the number of objects. ``settings``: the digest of what they
    are drawn and matched by; ``made_of``: that of the generation whose mosaics they are of, empty where some
    of these could not be drawn.
    """

    file: str
    digest: str
    mosaics: str
    mosaics_digest: str
    rows: int
    settings: str
    made_of: str

    def is_there(self, stat: Callable[[str], object | None]) -> bool:
        """Say whether both files are there; ``stat`` returns None of a path where nothing is."""
        return all(stat(key) is not None for key in (self.file, self.mosaics))


@dataclass(frozen=True, slots=True)
class Generation:
    """One version of the whole catalogue: a file that never changes.

    ``file`` is its path below the catalogue, ``digest`` the hex SHA-256 of its bytes, ``rows`` the number of
    mosaics in it, ``created`` ISO 8601 in UTC, ``previous`` the generation that was current before it.
    ``objects``: what readers of it see of objects, of an earlier one where there are no newer; None: nothing.
    """

    number: int
    file: str
    digest: str
    rows: int
    run_id: str
    created: str
    previous: int | None = None
    objects: ObjectsFile | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Its own file, as ``file`` has it, and those of its objects, as they have them."""
        own = self.objects
        return (self.file,) if own is None else (self.file, own.file, own.mosaics)


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which generation is current, and all that are kept, oldest first.

    Raises:
        ValueError: if the current one is not among them, or numbers do not rise.
    """

    current: int
    kept: tuple[Generation, ...]

    def __post_init__(self) -> None:
        numbers = [generation.number for generation in self.kept]
        if numbers != sorted(set(numbers)) or self.current not in numbers:
            raise ValueError(f"generation {self.current} is not among those kept, {numbers}")

    @property
    def generation(self) -> Generation:
        """The one that readers see."""
        return self.find(self.current)

    @property
    def newest(self) -> Generation:
        """The one that was published last; not the current one after a rollback."""
        return self.kept[-1]

    @property
    def is_turned_back(self) -> bool:
        """Whether readers see an earlier generation than the newest."""
        return self.current != self.newest.number

    def with_objects(self, objects: ObjectsFile) -> Pointer:
        """Return the pointer with the objects of the current generation."""
        kept = (replace(one, objects=objects) if one.number == self.current else one for one in self.kept)
        return replace(self, kept=tuple(kept))

    def find(self, number: int) -> Generation:
        """Return a kept generation.

        Raises:
            ValueError: naming those that are kept.
        """
        for generation in self.kept:
            if generation.number == number:
                return generation
        numbers = ", ".join(str(generation.number) for generation in self.kept)
        raise ValueError(f"there is no generation {number}; kept are {numbers}")

    def turned_to(self, number: int | None = None) -> Pointer:
        """Return the pointer turned to a kept generation; None goes back to the one before the current.

        Raises:
            ValueError: if that one is not kept, or there is none before.
        """
        if number is not None:
            return replace(self, current=self.find(number).number)
        before = self.generation.previous
        if before is None or all(generation.number != before for generation in self.kept):
            raise ValueError(f"generation {self.current} is the oldest that is kept: there is none before it")
        return replace(self, current=before)


def published(pointer: Pointer | None, new: Generation, keep: int) -> Pointer:
    """Return the pointer with a new current generation, and the ``keep`` newest ones kept.

    ``new.number`` must be that of :func:`next_number`. The one that was current before stays too, also where
    it is older than the others (after a rollback): it is the one to go back to. A run keeps one generation:
    a later one takes the place of its earlier one, and what that went back to is what the new one does.

    Raises:
        ValueError: if ``keep`` is below 1, or the number is not above all others.
    """
    if keep < 1:
        raise ValueError(f"at least one generation must be kept, got {keep}")
    earlier = () if pointer is None else pointer.kept
    before = None if pointer is None else pointer.current
    if earlier and earlier[-1].run_id == new.run_id:
        *others, partial = earlier
        earlier, before = tuple(others), partial.previous if before == partial.number else before
    newest = {generation.number for generation in earlier[max(0, len(earlier) + 1 - keep) :]}
    if keep > 1 and before is not None:
        newest.add(before)
    kept = tuple(generation for generation in earlier if generation.number in newest)
    return Pointer(new.number, (*kept, replace(new, previous=before)))


def next_number(pointer: Pointer | None) -> int:
    """Return the number of the next generation; the first is 1."""
    return 1 if pointer is None else pointer.newest.number + 1


def tree_of(pointer: Pointer) -> dict[str, Any]:
    """Return a pointer as JSON has it.

    Objects lie beside the generations: former versions refuse a generation with what they do not know.
    """
    rows = [asdict(generation) for generation in pointer.kept]
    objects = {str(row["number"]): row.pop("objects") for row in rows}
    current = {name: value for name, value in asdict(pointer.generation).items() if name != "objects"}
    tree = {"generation": current.pop("number"), **current, "kept": rows}
    drawn = {number: one for number, one in objects.items() if one is not None}
    return tree | {"objects": drawn} if drawn else tree


def pointer_of(tree: Mapping[str, Any]) -> Pointer:
    """Return the pointer that :func:`tree_of` gave.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: if it is something else.
    """
    objects = {number: ObjectsFile(**row) for number, row in tree.get("objects", {}).items()}
    kept = tuple(Generation(**row, objects=objects.get(str(row["number"]))) for row in tree["kept"])
    return Pointer(tree["generation"], kept)
