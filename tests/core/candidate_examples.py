"""Candidates of several sources, made up."""

from __future__ import annotations

from hypothesis import strategies as st

from sgddiff_batch.core.boxes import Box
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.selection import Candidate, Facts
from sgddiff_batch.core.times import TimeSpan

NUMBERS = st.floats(0, 1e6, allow_nan=False)
BOXES = st.builds(
    lambda west, east, south, north: Box(west, min(south, north), east, max(south, north)),
    *[st.integers(-180, 180).map(float)] * 2,
    *[st.integers(-90, 90).map(float)] * 2,
)
FACTS = st.builds(
    Facts,
    modified_s=st.none() | NUMBERS,
    item=st.none() | st.sampled_from(["a", "b"]),
    time=st.none() | NUMBERS.map(lambda at: TimeSpan(at, at + 1)),
    boxes=st.none() | st.tuples(BOXES),
    cloud_percent=st.none() | st.floats(0, 100),
    updated_s=st.none() | st.sampled_from([1.0, 2.0]),
)
NAMES = st.builds(
    "{}_N{:04d}_{}.tif".format, st.sampled_from(["T32", "T33"]), st.integers(0, 20), st.integers(0, 2)
)


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    """What up to three sources find: one may call an object otherwise than another does."""
    found = []
    for _ in range(draw(st.integers(0, 12))):
        name, source = draw(NAMES), draw(st.integers(0, 2))
        scene_id = name if source == 0 else f"bucket/{name}"
        place = f"s3://bucket{draw(st.integers(0, 1))}/{name}"
        scene = Scene(scene_id, place, "v", draw(st.integers(0, 100)))
        found.append(Candidate(scene, name, draw(FACTS), frozenset({source})))
    return found


def scene(name: str, **facts: object) -> Candidate:
    return Candidate(Scene(name, f"s3://b/{name}", "v", 10), name, Facts(**facts))  # type: ignore[arg-type]
