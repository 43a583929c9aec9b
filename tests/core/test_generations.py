"""The generations of the catalogue: the pointer, what is kept, and the way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.generations import Generation, Pointer, next_number, published


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
