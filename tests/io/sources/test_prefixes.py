"""PrefixSource: what is nothing else, listed file by file."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.archive import FoundScenes
from sgddiff_batch.io.sources.kinds import Question
from sgddiff_batch.io.sources.prefixes import PrefixSource
from sgddiff_batch.io.stac import Web, allowed_links_of


def found(uri: str, *folders: str) -> FoundScenes:
    source = Source(uri)
    query = ArchiveQuery((source,), folders=folders)
    allowed = allowed_links_of(query)
    return PrefixSource().places(source, Question(query, allowed, Web(allowed), uri))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for name in ("archive/a.tif", "archive/d/b.tif", "archive/d/c.png", "else/e.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path / "archive"


@pytest.mark.parametrize("uri", ["/scenes", "s3://b/x/*.tif", "a.tif", "", "scenes.zip"])
def test_whatever_it_is_called_it_fits(uri: str) -> None:
    assert PrefixSource().fits(uri)


@pytest.mark.parametrize(
    ("below", "names"),
    [
        ("", ["a.tif", "d/b.tif"]),
        ("/", ["a.tif", "d/b.tif"]),
        ("/*/*.tif", ["d/b.tif"]),
        ("/d/b.tif", ["b.tif"]),
    ],
)
def test_a_folder_a_glob_and_a_single_scene_are_listed(archive: Path, below: str, names: list[str]) -> None:
    answer = found(f"{archive}{below}")
    assert [one.name for one in answer.scenes] == names
    assert answer.missing == ()


def test_what_is_no_scene_is_told(archive: Path) -> None:
    assert [file.path for file in found(str(archive)).ignored] == ["d/c.png"]


def test_links_lead_to_the_folders_of_the_query_and_to_no_others(archive: Path) -> None:
    (archive / "more").symlink_to(archive.parent / "else")
    allowed = found(str(archive), str(archive.parent / "else"))
    assert [one.name for one in allowed.scenes] == ["a.tif", "d/b.tif", "more/e.tif"]
    refused = found(str(archive))
    assert [one.name for one in refused.scenes] == ["a.tif", "d/b.tif"]
    assert [file.path for file in refused.ignored] == ["d/c.png", "more"]


def test_where_nothing_is_the_config_is_wrong(archive: Path) -> None:
    with pytest.raises(ConfigError, match=r"archive\.uri: there is nothing at"):
        found(str(archive / "none"))
