from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sgddiff_batch.core.query import OWN
from sgddiff_batch.io.catalogue import rollback
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.viewer import scenes
from sgddiff_batch.viewer.addresses import NotServedError
from sgddiff_batch.viewer.ranges import Span
from sgddiff_batch.viewer.scenes import CurrentScenes
from tests.viewer.site_examples import add_scene, write_scene


def open_scenes(output):
    return CurrentScenes(open_store(output), OWN)


def test_a_scene_of_the_current_catalogue_is_served(shown):
    uri = str(shown / "scenes" / "a.tif")
    found = open_scenes(str(shown / "out")).find(uri)
    assert b"".join(found.parts(Span(0, found.size_bytes))) == b"II*\0 pixels"
    assert found.content_type == "image/tiff"


@pytest.mark.parametrize(
    "uri",
    ["/etc/passwd", "file:///etc/passwd", "{}/scenes/../scenes/a.tif", "{}/scenes/b.tif", "", "s3://b/k.tif"],
)
def test_no_other_file_is_served_whether_it_is_there_or_not(shown, uri):
    write_scene(shown / "scenes", "b.tif")
    with pytest.raises(NotServedError, match="no current mosaic"):
        open_scenes(str(shown / "out")).find(uri.format(shown))


def test_a_catalogue_that_names_what_is_no_scene_gives_nothing_away(tmp_path):
    secret = write_scene(tmp_path, "id_rsa", b"secret")
    add_scene(str(tmp_path / "out"), "a.tif", secret)
    with pytest.raises(NotServedError):
        open_scenes(str(tmp_path / "out")).find(secret)


def test_a_scene_that_is_gone_or_hangs_is_not_served(tmp_path):
    gone = write_scene(tmp_path, "a.tif")
    add_scene(str(tmp_path / "out"), "a.tif", gone)
    found = open_scenes(str(tmp_path / "out"))
    (tmp_path / "a.tif").unlink()
    with pytest.raises(NotServedError, match="there is no"):
        found.find(gone)
    os.mkfifo(gone)
    with pytest.raises(NotServedError, match="there is no"):
        found.find(gone)


def test_a_flip_in_between_shows_the_new_scenes_at_once_and_hides_the_old_ones_soon(tmp_path, monkeypatch):
    output = str(tmp_path / "out")
    first, second = write_scene(tmp_path, "a.tif"), write_scene(tmp_path, "b.tif")
    add_scene(output, "a.tif", first)
    found = open_scenes(output)
    assert found.find(first)
    add_scene(output, "b.tif", second)
    assert found.find(second)
    rollback(open_store(output))
    monkeypatch.setattr(scenes, "_BELIEVED_S", -1.0)
    assert found.find(first)
    with pytest.raises(NotServedError):
        found.find(second)


def test_without_a_catalogue_there_are_no_scenes(tmp_path):
    with pytest.raises(NotServedError):
        open_scenes(str(tmp_path)).find("/a.tif")


def test_a_scene_is_found_without_pandas_which_takes_a_second_to_load(shown):
    uri = str(shown / "scenes" / "a.tif")
    script = (
        "import sys\nfrom sgddiff_batch.viewer import open_site\n"
        f"print(open_site({str(shown / 'out')!r}).scenes.find({uri!r}).size_bytes, 'pandas' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.split() == [str(len(b"II*\0 pixels")), "False"]
