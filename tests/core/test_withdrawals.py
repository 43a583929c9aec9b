"""What counts as withdrawn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.withdrawals import Withdrawals, find_withdrawals

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


def test_what_has_a_newer_version_goes_when_that_is_current_however_many_there_are():
    older = {"a": "a2", "b": "b2", "c": "c2"}
    found = find_withdrawals(FOUR, set(), HERE, {"a2", "b2", "c2"}, superseded=older)
    assert found.withdrawn == ()
    assert "1 of the 1 scenes" in found.refusal
    assert found.replaced({"a2", "c2"}.__contains__) == ("a", "c")
    partial = find_withdrawals(FOUR, {"b"}, HERE, {"a2"}, superseded=older, complete=False)
    assert (partial.withdrawn, partial.superseded) == ((), {"a": "a2", "c": "c2"})


def test_what_another_archive_listed_last_is_told():
    found = find_withdrawals(FOUR | {"x": THERE, "y": None, "z": THERE}, set(), HERE, set("abcdxy"))
    assert found == Withdrawals(claimed={"x": THERE})
    assert ("last listed by another archive", "1: x") in found.rows()
    assert found.report(())["other_archives"] == [THERE]


def test_rows_under_a_former_name_go_only_when_an_operator_says_so():
    formerly = dict.fromkeys("abcd", "bare")
    assert find_withdrawals(formerly, set(), HERE, set("abc"), former="bare") == Withdrawals()
    found = find_withdrawals(formerly, set(), HERE, set("abc"), former="bare", allow=True)
    assert found == Withdrawals(("d",))


def test_withdrawals_are_told_with_their_number_and_the_first_of_them():
    found = Withdrawals(tuple("abcdefg"), ("z",), "no", {"old": "new"})
    assert found.rows() == [
        ("withdrawn from the catalogue", "7: a, b, c, d, e, ..."),
        ("superseded, withdrawn once the newer one is done", "1: old"),
        ("back in the archive", "1: z"),
        ("withdrawals refused", "no"),
    ]
    report = found.report(("old",))
    assert report["withdrawn"] == {"scenes": 7, "first": list("abcdefg")}
    assert (report["superseded"], report["refused"]) == ({"scenes": 1, "first": ["old"]}, "no")


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
    older = dict.fromkeys(superseded, "newest")
    found = find_withdrawals(
        catalogued, marked, HERE, listed, superseded=older, complete=complete, allow=allow
    )
    assert set(found.superseded) == superseded - listed - marked
    gone = set(found.withdrawn)
    assert not gone & (listed | marked | superseded)
    assert gone <= catalogued.keys()
    assert set(found.returned) == marked & listed
    assert not any(catalogued[scene_id] == THERE for scene_id in gone)
    assert complete or not gone
