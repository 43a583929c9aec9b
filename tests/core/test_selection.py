"""Selection: what sources know of a scene is merged, and names tell which scene a version is of."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.selection import Duplicates, Facts, merge_facts
from tests.core.candidate_examples import FACTS


@given(st.lists(FACTS, min_size=1, max_size=5), st.randoms())
def test_facts_merge_in_any_order_and_nothing_known_is_forgotten(
    known: list[Facts], shuffler: random.Random
) -> None:
    merged = merge_facts(known)
    shuffled = list(known)
    shuffler.shuffle(shuffled)
    assert merge_facts(shuffled) == merged
    for name in Facts.__slots__:
        values = [getattr(facts, name) for facts in known if getattr(facts, name) is not None]
        assert (getattr(merged, name) in values) if values else getattr(merged, name) is None


def test_of_two_items_of_one_scene_the_one_changed_last_is_believed() -> None:
    old, new = Facts(cloud_percent=90.0, updated_s=1.0, item="z"), Facts(cloud_percent=5.0, updated_s=2.0)
    assert merge_facts([old, new]).cloud_percent == 5.0


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        (r"(s\d)_N(?P<version>\d)", ("s1",)),
        (r"(?P<id>s\d)_N(?P<version>\d)", ("s1",)),
        (r"(?P<id>s)(\d)_N(?P<version>\d)", ("s", "1")),
        (r"(s\d)(_N(?P<version>\d))?", ("s1", "")),
        (r"(x)?_N(?P<version>\d)", None),
    ],
)
def test_the_key_is_all_groups_but_the_version(pattern: str, key: tuple[str, ...] | None) -> None:
    rule = Duplicates(re.compile(pattern))
    assert rule.key_of("s1_N1.tif") == rule.key_of("s1_N2.tif") == key
    assert key is None or rule.key_of("s2_N1.tif") != key


def test_a_pattern_of_a_version_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="which scene it is"):
        Duplicates(re.compile(r"_N(?P<version>\d)"))
