"""Where pictures and labels of a data set lie: found by looking, or named; mistakes come in one list."""

from __future__ import annotations

import pytest

from jobs.training.pictures.layouts import LAYOUTS, find_in_folders, find_in_root, open_checked
from sgddiff_batch.errors import ConfigError
from tests.kit.data_sets import write_set


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize("case", [str, str.upper, str.title])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_found_in_any_letter_case_and_named_as_it_is_written(tmp_path, layout, case):
    images, labels = (case(folder) for folder in layout)
    root = write_set(tmp_path / "SET", (3, 1), (images, labels))
    mistakes: list[str] = []
    found = find_in_root(str(root), mistakes)
    assert mistakes == []
    assert (found.name, found.layout) == ("SET", f"{images} + {labels}")
    assert [pair.stem for pair in found.pairs] == ["0001", "0003"]
    assert found.pairs[0].picture.key == f"{images}/0001.png"
    assert found.pairs[0].label.key == f"{labels}/0001.png"


def test_without_a_layout_it_says_what_was_looked_for_and_what_is_there(tmp_path):
    touch(tmp_path / "photos/a.png", tmp_path / "train/masks/a.png")
    with pytest.raises(ConfigError) as raised:
        find_in_root(str(tmp_path), [])
    words = str(raised.value)
    assert words.startswith(f"{tmp_path}: holds no layout of training data; looked for train-images + ")
    assert "found photos, train, train/masks; name `images` and `labels` instead" in words


def test_of_many_folders_the_first_dozen_are_told(tmp_path):
    touch(*(tmp_path / f"f{n:02}/a.png" for n in range(15)))
    with pytest.raises(ConfigError, match="f10, f11 and 3 more;"):
        find_in_root(str(tmp_path), [])


def test_several_layouts_are_for_people_to_choose_from(tmp_path):
    for layout in LAYOUTS[:2]:
        write_set(tmp_path, [1], layout)
    with pytest.raises(ConfigError, match=r"several layouts, train-images \+ train-labels, train/image \+"):
        find_in_root(str(tmp_path), [])


def test_a_root_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="typo: no such folder"):
        find_in_root(str(tmp_path / "typo"), [])


def test_files_without_a_partner_are_added_to_the_mistakes_and_the_others_found(tmp_path):
    root = write_set(tmp_path / "SET", (1, 2))
    (root / "train-labels/0001.png").unlink()
    mistakes = ["of another set"]
    found = find_in_root(str(root), mistakes)
    assert [pair.stem for pair in found.pairs] == ["0002"]
    assert mistakes == [
        "of another set",
        f"{root}/train-images/0001.png: no label of that stem in {root}/train-labels",
    ]


def test_named_folders_are_taken_as_they_are(tmp_path):
    write_set(tmp_path / "SET", (1, 2), ("photos", "masks"))
    mistakes: list[str] = []
    found = find_in_folders(str(tmp_path / "SET/photos"), str(tmp_path / "SET/masks"), mistakes)
    assert mistakes == []
    assert (found.name, found.layout) == ("SET", "named folders")
    assert found.uri == "SET/photos + SET/masks", "who trained it is nobody's business"
    assert [pair.label.key for pair in found.pairs] == ["0001.png", "0002.png"]


def test_one_folder_cannot_be_both_and_one_that_is_not_there_is_a_mistake(tmp_path):
    write_set(tmp_path, [1], ("photos", "masks"))
    with pytest.raises(ConfigError, match="is given for `images` and for `labels`"):
        find_in_folders(str(tmp_path / "photos"), f"{tmp_path}/photos/", [])
    mistakes: list[str] = []
    assert find_in_folders(str(tmp_path / "photos"), str(tmp_path / "typo"), mistakes).pairs == ()
    assert mistakes == [f"{tmp_path}/typo: no such folder"]


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("", "names no folder"),
        ("  ", "names no folder"),
        ("a\0b", "names no folder"),
        ("ftp://host/set", r"ftp://\.\.\.: only local folders and "),
        ("s3://me:secret@bucket/set", "no user, password or query"),
        ("s3://bucket/set?key=secret", "no user, password or query"),
        ("s3://bucket:9000/set", "no user, password or query"),
        ("s3://", "names no bucket"),
    ],
)
def test_what_can_be_no_folder_is_refused_and_no_secret_is_told(uri, words):
    with pytest.raises(ConfigError, match=words) as raised:
        open_checked(uri)
    assert "secret" not in str(raised.value)


def test_a_local_folder_may_have_any_name(tmp_path):
    root = write_set(tmp_path / "me@home?x", [1])
    assert len(find_in_root(str(root), []).pairs) == 1
