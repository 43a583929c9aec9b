"""The generations of the catalogue: the pointer, what is kept, and the way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.generations import (
    Generation,
    ObjectsFile,
    Pointer,
    next_number,
    pointer_of,
    published,
    tree_of,
)


def generation(number, run=None):
    return Generation(number, f"{number}.parquet", "d", 0, run or f"run-{number}", "now")


def numbers(pointer):
    return [(one.number, one.previous) for one in pointer.kept]


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


def test_a_later_generation_of_a_run_takes_the_place_of_its_earlier_one_and_goes_back_to_the_same():
    pointer = None
    for run in ("a", "b", "b", "b", "c", "c"):
        pointer = published(pointer, generation(next_number(pointer), run), 7)
    assert numbers(pointer) == [(1, None), (4, 1), (6, 4)]
    assert pointer.turned_to().current == 4
    assert pointer.turned_to().turned_to().current == 1


def test_the_only_run_keeps_one_generation_and_has_none_to_go_back_to():
    pointer = published(None, generation(1, "a"), 7)
    pointer = published(pointer, generation(2, "a"), 7)
    assert numbers(pointer) == [(2, None)]
    with pytest.raises(ValueError, match="the oldest that is kept"):
        pointer.turned_to()


@pytest.mark.parametrize(("keep", "kept"), [(1, [(3, 1)]), (2, [(1, None), (3, 1)])])
def test_what_gave_way_is_not_counted_among_those_kept(keep, kept):
    pointer = published(None, generation(1, "a"), keep)
    for number in (2, 3):
        pointer = published(pointer, generation(number, "b"), keep)
    assert numbers(pointer) == kept


def test_after_a_rollback_a_run_that_goes_on_returns_to_where_readers_were():
    pointer = None
    for run in ("a", "b", "c"):
        pointer = published(pointer, generation(next_number(pointer), run), 7)
    pointer = pointer.turned_to(1)
    assert pointer.is_turned_back
    pointer = published(pointer, generation(4, "c"), 7)
    assert numbers(pointer) == [(1, None), (2, 1), (4, 1)]
    assert not pointer.is_turned_back


@given(
    keep=st.integers(1, 4),
    runs=st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=25),
)
def test_of_each_run_at_most_one_generation_is_kept(keep, runs):
    pointer, number, last = None, 0, ""
    for name, back in runs:
        number += name != last[:1]
        last = f"{name}{number}"
        pointer = published(pointer, generation(next_number(pointer), last), keep)
        assert len({one.run_id for one in pointer.kept}) == len(pointer.kept) <= keep + 1
        before = pointer.generation.previous
        if keep > 1 and before is not None:
            assert pointer.turned_to().current == before
            pointer = pointer.turned_to() if back else pointer


def test_a_pointer_to_what_is_not_kept_cannot_be_made():
    with pytest.raises(ValueError, match="generation 3 is not among"):
        Pointer(3, (generation(1), generation(2)))
    with pytest.raises(ValueError, match="not among"):
        Pointer(1, (generation(2), generation(1)))
    with pytest.raises(ValueError, match="at least one"):
        published(None, generation(1), 0)


OBJECTS = ObjectsFile("_objects/a", "d", "_objects/b", "e", 3, "s", "m")


def test_a_pointer_comes_back_from_json_and_former_versions_find_what_they_know():
    pointer = published(published(None, generation(1), 7), generation(2), 7)
    plain = tree_of(pointer)
    assert pointer_of(plain) == pointer
    with_objects = pointer.with_objects(OBJECTS)
    assert with_objects.generation.files == ("2.parquet", "_objects/a", "_objects/b")
    tree = tree_of(with_objects)
    assert pointer_of(tree) == with_objects
    assert tree.pop("objects") == {"2": tree_of(with_objects)["objects"]["2"]}
    assert tree == plain


@pytest.mark.parametrize(
    "tree", [[], {}, {"kept": 3}, {"kept": [], "objects": [], "generation": 1}, {"kept": [{}]}]
)
def test_what_is_no_pointer_is_told(tree):
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        pointer_of(tree)


def test_objects_are_there_where_both_files_are():
    for there in (["_objects/a"], ["_objects/a", "_objects/b"]):
        assert OBJECTS.is_there(lambda key, there=there: key in there or None) == (len(there) == 2)
