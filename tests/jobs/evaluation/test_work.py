"""A map a picture, from any source: here one that is a line of Python."""

import numpy as np
import pytest
from PIL import Image

from jobs.evaluation.pictures import match_pictures
from jobs.evaluation.sheets import draw_worst
from jobs.evaluation.work import WORST, evaluate
from tests.kit.pictures import write, write_pictures

COUNT = WORST + 2


class Wrong:
    """FoundScenes nothing but in one picture, where it finds what is no object."""

    def __init__(self, name):
        self.name = name

    def read(self, entry):
        with Image.open(entry.label) as label:
            pixels = np.asarray(label)
        return 255 - pixels if entry.name == self.name else pixels

    def facts(self):
        return {"source": "a test"}


@pytest.fixture
def entries(tmp_path):
    images, labels = write_pictures(tmp_path, {f"p{k:02d}": (30, 40 + k) for k in range(COUNT)})
    return match_pictures(images, labels, None)


def test_every_picture_has_a_row_and_only_the_worst_keep_their_maps(entries):
    found = evaluate(entries, Wrong("p07"))
    assert [row.name for row in found.rows] == [entry.name for entry in entries]
    assert len(found.worst) == WORST
    row, entry, saliency = found.worst[0]
    assert (row.name, entry.name) == ("p07", "p07")
    assert saliency.shape == (30, 47)
    assert row.scores.s < found.worst[1][0].scores.s


def test_maps_are_written_as_they_were_made(entries, tmp_path):
    evaluate(entries, Wrong(""), tmp_path / "below" / "maps")
    files = sorted((tmp_path / "below" / "maps").iterdir())
    assert [file.stem for file in files] == [entry.name for entry in entries]
    with Image.open(files[3]) as saliency, Image.open(entries[3].label) as label:
        np.testing.assert_array_equal(np.asarray(saliency), np.asarray(label))


def test_pictures_without_labels_have_maps_and_no_rows(tmp_path, entries):
    class Grey:
        def read(self, entry):
            return np.full((4, 5), 7, np.uint8)

    images = match_pictures(tmp_path / "images", None, None)
    found = evaluate(images, Grey(), tmp_path / "maps")
    assert (found.rows, found.worst) == ([], [])
    assert len(list((tmp_path / "maps").iterdir())) == COUNT


def test_sheets_of_an_earlier_run_go_and_a_persons_own_files_stay(entries, tmp_path):
    folder = tmp_path / "worst"
    for name in ("worst-03-gone.png", "mine.png"):
        write(folder / name, np.zeros((4, 4), np.uint8))
    draw_worst(evaluate(entries, Wrong("p07")).worst, folder)
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == WORST + 1
    assert names[:2] == ["mine.png", "worst-01-p07.png"]
