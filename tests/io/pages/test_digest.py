"""Of the rows of a report a page keeps few: those to look at, those to draw, and counts of all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sgddiff_batch.io.pages.digest import MOST_MADE, MOST_TROUBLES, digest_of, salient_share, seconds_of
from sgddiff_batch.io.reports import DAMAGED


def row(name: str, state: str = "done", **more: Any) -> dict[str, Any]:
    facts = {"store": f"{name}/v-k.zarr", "valid_px": 1000, "salient_px": 10, "seconds": {"read": 1.0}}
    return {"scene_id": name, "uri": "", "state": state, **facts, **more}


def test_of_each_kind_of_pick_some_are_chosen_each_scene_once_with_all_that_it_is():
    rows = [row(f"{number:03}") for number in range(100)]
    rows[3] = row("003", salient_px=900, seconds={"read": 90.0})
    rows[4] = row("004", salient_px=0)
    rows[5] = row("005", salient_px=0, valid_px=0)
    picks = digest_of(rows, 8, typical_share=0.01).picks
    why = {pick.row["scene_id"]: pick.why for pick in picks}
    assert len(picks) == 8
    assert why["003"] == ("most salient", "slowest", "drifted")
    assert why["004"] == ("drifted",)
    assert why["099"] == ("newest",)
    assert "005" not in why, "without data nothing has drifted"


def test_of_fewer_scenes_than_pictures_all_are_drawn():
    assert len(digest_of([row(str(number)) for number in range(5)], 60).picks) == 5
    assert digest_of([row("a")], 0).picks == ()
    assert digest_of([], 60).picks == ()


def test_scenes_to_look_at_come_gravest_first_and_are_counted_beyond_what_is_kept():
    states = ["still quarantined", "quarantined", DAMAGED, "pending", "failed"]
    rows = [row("a", state, reason="it is gone", store=None) for state in states]
    many = [row(str(n), "failed", reason=f"row {n} of 900", store=None) for n in range(MOST_TROUBLES + 5)]
    digest = digest_of([*rows, *many], 5)
    shown = [one["state"] for one in digest.troubles]
    assert shown == ["failed"] * MOST_TROUBLES + states[-2::-1]
    assert digest.states["failed"] == MOST_TROUBLES + 6
    assert digest.reasons == (("row # of #", MOST_TROUBLES + 5), ("it is gone", 5))


def test_a_million_rows_are_gone_through_and_never_held():
    held = 0

    class Watched(dict):
        def __init__(self, number: int) -> None:
            nonlocal held
            held += 1
            super().__init__(row(str(number), reason=None, salient_px=number % 1000))

        def __del__(self) -> None:
            nonlocal held
            held -= 1

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(20_000):
            yield Watched(number)
            assert held < 2 * MOST_MADE

    digest = digest_of(rows(), 60, 0.01, most_ids=1000)
    assert digest.states == {"done": 20_000}
    assert (len(digest.made), len(digest.picks)) == (MOST_MADE, 60)
    assert digest.ids is None, "too many for the map to tell them"


def test_what_is_kept_holds_no_secrets():
    secret = row("a", "quarantined", reason="https://u:pw@host/x.tif?sig=abc cannot be read", store=None)
    digest = digest_of([secret, row("b", uri="s3://key:word@bucket/b.tif")], 5)
    assert not any(word in repr(digest) for word in ("sig=abc", "pw@", "word@"))


def test_rows_of_a_former_version_lack_what_they_lack():
    digest = digest_of([{"scene_id": "a", "state": "done", "store": "a/v.zarr"}, {}], 5, 0.1)
    assert digest.states == {"done": 1, "?": 1}
    assert (salient_share({}), seconds_of({}), seconds_of({"seconds": None})) == (0, 0, 0)


def test_what_is_at_hand_is_drawn_before_others_which_fill_the_places_that_are_left():
    rows = [row(f"{number:03}", salient_px=number) for number in range(100)]
    ready = {f"{name}/v-k.zarr" for name in ("000", "001", "099", "gone")}
    picks = digest_of(rows, 3, ready=ready).picks
    assert {pick.row["scene_id"] for pick in picks} == {"000", "001", "099"}
    why = {pick.row["scene_id"]: pick.why for pick in picks}
    assert why["099"] == ("newest", "most salient")
    assert why["001"] == (), "it is at hand, and nothing of all scenes"
    more = [pick.row["scene_id"] for pick in digest_of(rows, 5, ready=ready).picks]
    assert (len(more), more[0]) == (5, "099")
    assert {"000", "001", "098"} < set(more)
