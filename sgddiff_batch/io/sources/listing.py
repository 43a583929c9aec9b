"""Sources: everything that names scenes of an archive, as one listing; what each lacks is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from sgddiff_batch.core.candidate_table import as_columns
from sgddiff_batch.core.choosing import choose, dated, keep_newest, only_in, reconcile
from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.core.scene import escape_scene_id
from sgddiff_batch.core.schemes import bucket_of
from sgddiff_batch.core.selection import Candidate, Facts, merge_facts
from sgddiff_batch.core.source_kinds import is_web
from sgddiff_batch.core.words import printable, shown
from sgddiff_batch.io.archive import (
    FoundScenes,
    IgnoredFile,
    Places,
    full_uri,
    is_scene,
    look_up_apart,
    merged_ignored,
    name_of,
    root_of,
    split_glob,
)
from sgddiff_batch.io.sources.kinds import Question, source_for
from sgddiff_batch.io.sources.result import Listing, times_of
from sgddiff_batch.io.stac import (
    AllowedLinks,
    Web,
    allowed_links_of,
    read_headers,
)

__all__ = ["Listing", "list_archive"]


def list_archive(query: ArchiveQuery, output_uri: str | None = None, web: Web | None = None) -> Listing:
    """List the scenes of an archive by all its sources, filtered, each once, the newest version only.

    What lies below ``output_uri`` is left out without a word, so that the output can be inside the archive.
    ``web`` is there for tests. Storage is asked for listings and for the documents of catalogues only.

    Raises:
        ConfigError: if a source is not there, or says no, or a link in it leads to a host that is not named.
        RetryableError: if storage or a server fails: a part of a listing is never taken for the whole.
    """
    allowed = allowed_links_of(query)
    web = web or Web(allowed, read_headers(query))
    reconciliation = _Reconciliation(
        query, allowed, web, full_uri(output_uri).rstrip("/") if output_uri else None
    )
    for number, source in enumerate(query.sources):
        reconciliation.ask(number, source)
    reconciliation.look_up()
    return reconciliation.conclude()


@dataclass(slots=True)
class _Reconciliation:
    """What has been found so far, part by part.

    ``named`` are places that lists and catalogues name, by source.
    """

    query: ArchiveQuery
    allowed: AllowedLinks
    web: Web
    output: str | None
    found: list[Sequence[Candidate]] = field(default_factory=list)
    named: dict[int, Places] = field(default_factory=dict)
    ignored: list[Iterable[IgnoredFile]] = field(default_factory=list)
    missing: list[IgnoredFile] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    roots: list[str] = field(default_factory=list)
    is_whole: bool = True

    @property
    def root(self) -> str:
        """What names of scenes count from: the folder of the first source; none below a web address."""
        uri = self.query.sources[0].uri
        return uri if is_web(uri) else root_of(uri)

    def ask(self, number: int, source: Source) -> None:
        answer = source_for(source).places(source, Question(self.query, self.allowed, self.web, self.root))
        if isinstance(answer, FoundScenes):
            self._add_finds(number, source, answer)
            return
        self.named[number] = answer
        self.ignored.append(answer.ignored)
        self.missing += answer.missing
        self.is_whole &= answer.is_whole

    def _add_finds(self, number: int, source: Source, answer: FoundScenes) -> None:
        root = root_of(source.uri)
        if self.output is not None:
            answer = answer.outside(root, self.output)
        own = self.root
        # Only the first source's names are its own.
        self.found.append(answer.scenes if number == 0 else [_renamed(c, number, own) for c in answer.scenes])
        self.ignored.append(answer.ignored)
        self.missing += answer.missing
        if not split_glob(full_uri(source.uri))[1] and not any(file.lost for file in answer.missing):
            self.roots.append(root)

    def look_up(self) -> None:
        """Find the files that lists and catalogues name, those that no prefix has shown already."""
        if not self.named:
            return
        written = {place: other for one in self.named.values() for place, other in one.written.items()}
        known = {one.scene.uri: one for one in chain.from_iterable(self.found)}
        known |= {
            place: known[other] for place, other in written.items() if place not in known and other in known
        }
        wanted = self._wanted(known)
        answer = self._looked_up(wanted, alone=not known)
        known |= {one.scene.uri: one for one in answer.scenes}
        absent = {place: written[place] for place in wanted if place in written and place not in known}
        others = self._looked_up({other: name_of(other, self.root) for other in absent.values()}, alone=False)
        there = {one.scene.uri: one for one in others.scenes}
        known |= {place: there[other] for place, other in absent.items() if other in there}
        found = {printable(wanted[place]) for place in absent if place in known}
        self.missing += (file for file in answer.missing if file.path not in found)
        for number, places in self.named.items():
            self.found.append(
                [
                    _named_by(known[place], number, places.facts.get(place, Facts()))
                    for place in places.names
                    if place in known
                ]
            )

    def _looked_up(self, names: Mapping[str, str], *, alone: bool) -> FoundScenes:
        own = bucket_of(self.query.sources[0].uri)
        folders = self.allowed.folders
        return look_up_apart(names, self.query.access, own, alone=alone, allowed=folders)

    def _wanted(self, known: Mapping[str, Candidate]) -> dict[str, str]:
        """Return the places that are to be looked for, each with what its id is made of."""
        facts = _facts_by_place(self.named.values())
        names: dict[str, str] = {}
        for number, places in sorted(self.named.items()):
            for place, name in places.names.items():
                names.setdefault(place, name if number == 0 else name_of(place, self.root))
        return {
            place: name
            for place, name in names.items()
            if place not in known and self._is_wanted(place, name, facts.get(place, Facts()))
        }

    def _is_wanted(self, place: str, name: str, facts: Facts) -> bool:
        if self.output is not None and place.startswith(f"{self.output}/"):
            return False
        for root in self.roots:
            if place.startswith(f"{root}/") and is_scene(place):
                self.missing.append(IgnoredFile(printable(name), f"it is not in the listing of {root}"))
                return False
        reason = self.query.filters.unwanted(facts)
        if reason is not None:
            self.left_out[escape_scene_id(name)] = reason
        return reason is None

    def conclude(self) -> Listing:
        found = self.found[0] if len(self.found) == 1 else chain.from_iterable(self.found)
        candidates, clashing = reconcile(found)
        pattern = self.query.time_pattern
        if pattern is not None and self.query.asks_times:
            candidates = dated(candidates, pattern)
        self.ignored.append(
            IgnoredFile(printable(name_of(uri, self.root)), reason) for uri, reason in clashing.items()
        )
        missing = self._told_missing(candidates)
        choice = choose(candidates, self.query.filters)
        newest, superseded = keep_newest(choice.kept, self.query.duplicates)
        sources = [source.uri for source in self.query.sources]
        alone = only_in(newest, len(sources))
        scenes, facts = as_columns(newest)
        times, undated = times_of(scenes.ids, facts, pattern)
        return Listing(
            scenes=scenes,
            ignored=merged_ignored(self.ignored),
            missing=_sorted(missing),
            not_listed=_sorted(file for file in self.missing if file.lost),
            left_out={**self.left_out, **choice.left_out, **choice.unknown},
            superseded=superseded,
            only_in={shown(uri): ids for uri, ids in zip(sources, alone, strict=True) if len(sources) > 1},
            facts=facts,
            items_left_out=sum((Counter(places.unusable) for places in self.named.values()), Counter()),
            is_whole=self.is_whole and not any(file.lost for file in self.missing),
            times=times,
            undated=undated,
        )

    def _told_missing(self, candidates: Iterable[Candidate]) -> list[IgnoredFile]:
        """Return what is missing; where a scene of the same id is there, that one is the scene."""
        missing = [file for file in self.missing if not file.lost]
        there = {one.scene.scene_id for one in candidates} if missing else ()
        same = [file for file in missing if escape_scene_id(file.path) in there]
        clash = "another scene has its id"
        self.ignored.append(replace(file, reason=f"{clash}; {file.reason}") for file in same)
        return [file for file in missing if file not in same]


def _renamed(candidate: Candidate, number: int, root: str) -> Candidate:
    """Return a candidate as the source of a number, which is not the first, finds it."""
    name = name_of(candidate.scene.uri, root)
    scene = replace(candidate.scene, scene_id=escape_scene_id(name))
    return Candidate(scene, name, candidate.facts, frozenset({number}))


def _named_by(known: Candidate, number: int, facts: Facts) -> Candidate:
    return replace(known, facts=merge_facts((known.facts, facts)), sources=frozenset({number}))


def _facts_by_place(named: Iterable[Places]) -> dict[str, Facts]:
    facts: dict[str, Facts] = {}
    for places in named:
        for place, said in places.facts.items():
            facts[place] = merge_facts((facts[place], said)) if place in facts else said
    return facts


def _sorted(files: Iterable[IgnoredFile]) -> tuple[IgnoredFile, ...]:
    return tuple(sorted(set(files), key=lambda file: (file.path, file.reason)))
