import numpy as np
import pytest
from PIL import Image

from models.data import DataError, find_pairs, load_pairs, split_pairs


@pytest.fixture
def folders(tmp_path):
    images, labels = tmp_path / "train-images", tmp_path / "train-labels"
    images.mkdir()
    labels.mkdir()
    return images, labels


def _write(folder, name, size=(20, 16), value=0):
    Image.new("L" if folder.name.endswith("labels") else "RGB", size, value).save(folder / name)


def test_pairs_are_matched_by_stem_and_not_by_position(folders):
    images, labels = folders
    for stem in ("10", "9"):
        _write(images, f"{stem}.jpg")
        _write(labels, f"{stem}.png")
    found = find_pairs(*folders)
    assert [(p.stem, m.stem) for p, m in found] == [("10", "10"), ("9", "9")]


def test_all_mistakes_come_in_one_list_with_the_files_names(folders):
    images, labels = folders
    _write(images, "alone.jpg")
    _write(labels, "lonely.png")
    _write(images, "twice.jpg")
    _write(images, "twice.png")
    _write(labels, "twice.png")
    with pytest.raises(DataError) as caught:
        find_pairs(*folders)
    assert "3 mistakes" in str(caught.value)
    for name in ("alone.jpg", "lonely.png", "twice.png"):
        assert name in str(caught.value)


def test_unreadable_and_mismatched_files_come_in_one_list(folders):
    images, labels = folders
    _write(images, "small.png", (20, 16))
    _write(labels, "small.png", (20, 17))
    (images / "broken.png").write_bytes(b"not a picture")
    _write(labels, "broken.png")
    with pytest.raises(DataError, match="2 mistakes") as caught:
        load_pairs(find_pairs(*folders))
    assert "picture is 20x16, mask 20x17" in str(caught.value)
    assert "broken.png" in str(caught.value)


def test_masks_are_salient_above_127(folders):
    images, labels = folders
    _write(images, "a.png")
    Image.fromarray(np.array([[0, 127], [128, 255]], dtype=np.uint8).repeat(8, 0).repeat(10, 1)).save(
        labels / "a.png"
    )
    mask = load_pairs(find_pairs(*folders))[0].mask
    assert mask[::8, ::10].tolist() == [[False, False], [True, True]]


def test_an_empty_or_missing_folder_is_a_clear_error(folders, tmp_path):
    with pytest.raises(DataError, match="no pictures"):
        find_pairs(*folders)
    with pytest.raises(DataError, match="no such folder"):
        find_pairs(tmp_path / "nowhere", folders[1])


def test_the_split_is_whole_disjoint_and_seeded():
    learn, check = split_pairs(50, 12, 3)
    assert sorted(learn + check) == list(range(50))
    assert len(check) == 12
    assert split_pairs(50, 12, 3) == (learn, check)
    assert split_pairs(50, 12, 4)[1] != check
