"""The catalogue's rules: the pointer's generations, and what counts as withdrawn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.catalogue import (
    Generation,
    Pointer,
    Withdrawals,
    find_withdrawals,
    next_number,
    published,
)


def generation(number):
    return Generation(number, f"{number}.parquet", "d", 0, "run", "now")


@given(keep=st.integers(1, 5), steps=st.lists(st.sampled_from(["publish", "back", "forward"]), max_size=30))
def test_whatever_is_done_the_current_generation_and_the_one_before_are_kept(keep, steps):
    pointer = None
    for step in steps:
        if pointer is None or step == "publish":
            before = pointer
            pointer = published(pointer, generation(next_number(pointer)), keep)
            assert pointer.generation is pointer.newest
            assert len(pointer.kept) <= keep + 1
            if before is not None and keep > 1:
                assert pointer.turned_to().current == before.current
        elif step == "forward":
            pointer = pointer.turned_to(pointer.newest.number)
        else:
            try:
                turned = pointer.turned_to()
            except ValueError:
                continue
            assert turned.current < pointer.current
            assert turned.kept == pointer.kept
            pointer = turned


def test_a_pointer_to_what_is_not_kept_cannot_be_made():
    with pytest.raises(ValueError, match="generation 3 is not among"):
        Pointer(3, (generation(1), generation(2)))
    with pytest.raises(ValueError, match="not among"):
        Pointer(1, (generation(2), generation(1)))
    with pytest.raises(ValueError, match="at least one"):
        published(None, generation(1), 0)


HERE, THERE = "s3://here", "s3://there"
FOUR = dict.fromkeys("abcd", HERE)


def test_a_scene_that_its_archive_does_not_list_any_more_is_withdrawn():
    assert find_withdrawals(FOUR, set(), HERE, set("abd")) == Withdrawals(("c",))


def test_a_scene_of_another_archive_is_not_missed():
    assert find_withdrawals(FOUR | {"x": THERE, "y": None}, set(), HERE, set("abcd")) == Withdrawals()


def test_a_partial_listing_withdraws_nobody_and_still_brings_back():
    assert find_withdrawals(FOUR, {"z"}, HERE, {"a", "z"}, complete=False) == Withdrawals(returned=("z",))


@pytest.mark.parametrize("listed", ["", "a"])
def test_more_than_half_at_once_is_refused_until_an_operator_says_so(listed):
    refused = find_withdrawals(FOUR, set(), HERE, set(listed))
    assert refused.withdrawn == ()
    assert f"{4 - len(listed)} of the 4 scenes" in refused.refusal
    assert "--allow-withdrawals" in refused.refusal
    allowed = find_withdrawals(FOUR, set(), HERE, set(listed), allow=True)
    assert allowed == Withdrawals(tuple(sorted(set("abcd") - set(listed))))


def test_half_is_let_through():
    assert find_withdrawals(FOUR, set(), HERE, set("ab")).withdrawn == ("c", "d")


def test_scenes_that_nobody_is_known_to_have_listed_go_only_when_an_operator_says_so():
    unknown = FOUR | {"y": None}
    assert find_withdrawals(unknown, set(), HERE, set("abcd"), allow=True).withdrawn == ("y",)


def test_what_has_a_newer_version_is_withdrawn_however_many_there_are():
    found = find_withdrawals(FOUR, set(), HERE, {"a2", "b2", "c2"}, superseded=set("abc"))
    assert found.withdrawn == ("a", "b", "c")
    assert "1 of the 1 scenes" in found.refusal
    partial = find_withdrawals(FOUR, set(), HERE, {"a2"}, superseded={"a"}, complete=False)
    assert partial.withdrawn == ("a",)


IDS = st.sets(st.sampled_from("abcdefgh"))


@given(
    catalogued=st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from([HERE, THERE, None])),
    marked=IDS,
    listed=IDS,
    superseded=IDS,
    complete=st.booleans(),
    allow=st.booleans(),
)
def test_no_listed_scene_is_ever_withdrawn_and_no_withdrawn_one_twice(
    catalogued, marked, listed, superseded, complete, allow
):
    found = find_withdrawals(
        catalogued, marked, HERE, listed, superseded=superseded, complete=complete, allow=allow
    )
    gone = set(found.withdrawn)
    assert not gone & (listed | marked)
    assert gone <= catalogued.keys()
    assert set(found.returned) == marked & listed
    assert not any(catalogued[scene_id] == THERE for scene_id in gone - superseded)
    if not complete:
        assert gone <= superseded
