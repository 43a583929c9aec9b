"""What makes no sense is refused before any work, by the name of its flag."""

from pathlib import Path

import pytest

from jobs.evaluation.request import Request
from jobs.evaluation.sources import MapFolder
from sgddiff_batch.errors import ConfigError


@pytest.fixture
def folders(tmp_path):
    for name in ("images", "labels", "maps"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"labels": "labels"}, "--images: which pictures"),
        ({"images": "images"}, "nothing to do"),
        ({"images": "images", "scores": True, "maps": "new"}, "--labels: needed for scores"),
        ({"images": "images", "worst": "new", "maps": "other"}, "--labels: needed for scores"),
        ({"score_maps": "maps", "labels": "labels", "maps": "new"}, "--maps: nothing is computed"),
        ({"images": "images", "maps": "images"}, "--maps: is the folder of --images"),
        ({"images": "images", "labels": "labels", "worst": "new/../labels"}, "is the folder of --labels"),
        ({"score_maps": "maps", "labels": "labels", "worst": "maps"}, "is the folder of --score-maps"),
        ({"images": "images", "labels": "labels", "maps": "new", "worst": "new"}, "the folder of --maps"),
        ({"images": "images", "maps": "file"}, "--maps: is a file"),
        ({"images": "images", "labels": "labels", "report": "labels"}, "--json: is a folder"),
    ],
)  # fmt: skip
def test_a_request_that_makes_no_sense_names_the_flag(folders, given, message):
    paths = {name: folders / each if isinstance(each, str) else each for name, each in given.items()}
    with pytest.raises(ConfigError, match=message):
        Request(**paths).check()


def test_a_link_to_what_is_read_is_no_place_to_write(folders):
    (folders / "link").symlink_to(folders / "images")
    with pytest.raises(ConfigError, match="--maps: is the folder of --images"):
        Request(images=folders / "images", maps=folders / "link").check()


@pytest.mark.parametrize("maps", ["maps", "new"])
def test_maps_may_go_where_there_are_some_and_where_there_is_nothing_yet(folders, maps):
    Request(images=folders / "images", maps=folders / maps).check()


def test_maps_that_are_there_are_the_source_and_a_checkpoint_of_no_use_is_named():
    assert Request(score_maps=Path("maps")).source() == MapFolder(Path("maps"))
    with pytest.raises(ConfigError, match=r"--checkpoint: net\.pth is a pickle"):
        Request(checkpoint="net.pth").source()
