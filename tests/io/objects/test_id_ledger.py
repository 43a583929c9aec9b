"""Ids are told once: whatever is killed, comes at once, or is damaged, no published one changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.objects import id_ledger
from sgddiff_batch.io.objects.id_ledger import IDS, IdLedger
from sgddiff_batch.io.objects.id_state import SceneKey
from sgddiff_batch.io.objects.matching import NewScene
from sgddiff_batch.io.storage.store import open_store
from tests.io.catalogue_examples import dying_store
from tests.io.mosaic_examples import Killed

SETTINGS = ObjectSettings()
DATA = shapely.box(-10, -10, 100, 100)


def scene(number: int, *lefts: float) -> NewScene:
    """Return a scene of day ``number`` with a square at each of some places."""
    key = SceneKey(f"2026-01-{number:02d}T00:00:00+00:00", f"s{number}", f"s{number}/x.zarr")
    ids = np.array([f"{number:010d}{nth:010d}" for nth in range(len(lefts))], "S20")
    return NewScene(key, ids, np.array([shapely.box(x, 0, x + 10, 10) for x in lefts] + [None])[:-1], DATA)


SCENES = [scene(1, 0, 20), scene(2, 1, 40), scene(3, 2, 41, 60), scene(4), scene(5, 20)]


def publish(store, scenes, least_iou=0.2):
    by_key = {one.key: one for one in scenes}
    ledger = IdLedger(store, SETTINGS, least_iou)
    state, _ = ledger.publish([*by_key], lambda keys: iter([by_key[key] for key in keys]))
    return state, told(ledger)


def told(ledger):
    rows = ledger.sightings().to_pylist()
    return sorted((row["store"], row["region"], row["id"], tuple(row["parents"])) for row in rows)


def facts(state):
    names = [one.store for one in state.scenes]
    rows = zip(
        state.ids.tolist(), state.state.tolist(), state.seen_in.tolist(), state.into.tolist(), strict=True
    )
    return sorted((own, kind, names[seen], into) for own, kind, seen, into in rows)


def test_one_publish_nights_in_order_and_scenes_in_any_order_tell_the_same(tmp_path, monkeypatch):
    at_once, rows = publish(open_store(str(tmp_path / "a")), SCENES)
    for cut in range(1, len(SCENES)):
        store = open_store(str(tmp_path / f"b{cut}"))
        publish(store, SCENES[:cut])
        nights, of_nights = publish(store, SCENES)
        assert (of_nights, facts(nights)) == (rows, facts(at_once))
    shuffled, of_shuffled = publish(open_store(str(tmp_path / "c")), SCENES[::-1])
    assert (of_shuffled, facts(shuffled)) == (rows, facts(at_once))
    monkeypatch.setattr(id_ledger, "_REGIONS_TOGETHER", 1)
    parts, of_parts = publish(open_store(str(tmp_path / "d")), SCENES)
    assert (of_parts, facts(parts)) == (rows, facts(at_once))
    assert len(rows) == 8
    assert len(at_once.ids) == 4


def test_nothing_new_changes_nothing(tmp_path):
    store = open_store(str(tmp_path))
    publish(store, SCENES)
    before = store.read_all("")
    publish(store, SCENES[:2])
    assert store.read_all("") == before


def test_killed_at_any_change_and_told_again_ids_are_those_of_a_quiet_publish(tmp_path):
    quiet = open_store(str(tmp_path / "quiet"))
    publish(quiet, SCENES[:2])
    _, wanted = publish(quiet, SCENES)
    died = 0
    for die_at in range(20):
        folder = tmp_path / str(die_at)
        _, first = publish(open_store(str(folder)), SCENES[:2])
        try:
            publish(dying_store(folder, die_at), SCENES)
        except Killed:
            died += 1
            assert set(first) <= set(told(IdLedger(open_store(str(folder)), SETTINGS, 0.2)))
        assert publish(open_store(str(folder)), SCENES)[1] == wanted
        if died <= die_at:
            break
    assert died == 4, "two files, the pointer, the state of before"


def test_of_two_at_once_the_second_goes_on_from_what_the_first_told(tmp_path):
    store = open_store(str(tmp_path))
    publish(store, SCENES[:1])
    ledger, met = IdLedger(store, SETTINGS, 0.2), []

    def opened(keys):
        if not met:
            met.append(publish(store, [*SCENES[:1], scene(3, 3)])[1])
        return iter([SCENES[1] for _ in keys])

    ledger.publish([SCENES[0].key, SCENES[1].key], opened)
    assert set(met[0]) < set(told(ledger))
    names = {key.rpartition("/")[2].partition("-")[0] for key in store.keys(IDS)}
    assert names == {"current.json", "state", "sightings"}
    assert len([key for key in store.keys(IDS) if "/state-" in key]) == 1


@pytest.mark.parametrize("first", [SCENES[:1], SCENES])
def test_a_mosaic_made_again_with_other_outlines_is_matched_as_a_further_one(tmp_path, first):
    ledger, anew = IdLedger(open_store(str(tmp_path)), SETTINGS, 0.2), scene(1, 3, 70)
    old = {one.key: one for one in [*first[1:], replace(first[0], key=replace(first[0].key, content="old"))]}
    ledger.publish([*old], lambda keys: iter([old[key] for key in keys]))
    before = told(ledger)
    key = replace(anew.key, content="new")

    def opened(keys):
        assert [one.path for one in keys] == [key.store]
        return iter([replace(anew, key=one, ids=np.array([b"n" * 20, b"m" * 20])) for one in keys])

    for _ in range(2):
        state, (named,) = ledger.publish([key], opened)
        assert (named.store, named.path) == ("s1/x.zarr#new", "s1/x.zarr")
    rows = told(ledger)
    assert set(before) < set(rows)
    again = {region: own for store, region, own, _ in rows if store == named.store}
    assert again == {b"n" * 20: first[0].ids[0], b"m" * 20: b"m" * 20}
    assert ledger.publish([*old], opened)[1] == [*old], "back again it is what it was"
    assert len(state.scenes) == len(first) + 1


def test_sightings_of_some_mosaics_are_those_and_no_older_file_is_read_for_them(tmp_path):
    store = open_store(str(tmp_path))
    for cut in range(1, len(SCENES) + 1):
        publish(store, SCENES[:cut])
    for key in store.keys(IDS):
        if "sightings-000001" in key or "sightings-000002" in key:
            store.delete(key)
    ledger = IdLedger(store, SETTINGS, 0.2)
    found = ledger.sightings(["s5/x.zarr", "s3/x.zarr"])
    assert {row["store"] for row in found.to_pylist()} == {"s5/x.zarr", "s3/x.zarr"}
    assert ledger.sightings([]).num_rows == 0
    with pytest.raises(FatalError, match="ids are not known"):
        ledger.sightings(["s1/x.zarr"])


def test_other_settings_and_overlaps_have_ids_of_their_own(tmp_path):
    store = open_store(str(tmp_path))
    near, _ = publish(store, SCENES)
    exact, _ = publish(store, SCENES, 0.99)
    assert len(exact.ids) > len(near.ids)
    assert publish(store, SCENES)[0].ids.tolist() == near.ids.tolist()


def test_parts_of_another_format_have_ids_of_their_own(tmp_path, monkeypatch):
    store = open_store(str(tmp_path))
    publish(store, SCENES[:1])
    monkeypatch.setattr(id_ledger, "FORMAT", -1)
    ledger = IdLedger(store, SETTINGS, 0.2)
    assert told(ledger) == []
    assert ledger.uri != IdLedger(store, SETTINGS, 0.3).uri


@pytest.mark.parametrize("which", ["current.json", "state-", "sightings-"])
@pytest.mark.parametrize("harm", ["torn", "gone"])
def test_damage_is_told_and_no_id_is_told_anew(tmp_path, which, harm):
    store = open_store(str(tmp_path))
    publish(store, SCENES[:2])
    (key,) = [key for key in store.keys(IDS) if f"/{which}" in key]
    if harm == "torn":
        store.write(key, store.read(key)[:-9])
    else:
        store.delete(key)
    if (which, harm) == ("current.json", "gone"):
        return  # nobody can tell it from a first publish
    with pytest.raises(FatalError, match="ids are not known"):
        publish(store, SCENES)
