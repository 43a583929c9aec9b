"""Training data from a local disk: layouts, mistakes, and the split of a mix."""

import json
import pickle

import numpy as np
import pytest
from PIL import Image

from jobs.training.pictures.data import DataSet, load_training_data
from models.data import DataError, split_pairs
from tests.kit.data_sets import write_pair, write_set


@pytest.fixture
def load(tmp_path):
    """Load sets, given as roots or as data sets, without a place to cache."""

    def load_sets(*sets, held_out=0, seed=0):
        given = [each if isinstance(each, DataSet) else DataSet(str(each)) for each in sets]
        return load_training_data(given, held_out, seed, tmp_path / "cache")

    return load_sets


def mistakes_of(load, *sets, **options):
    with pytest.raises(DataError) as caught:
        load(*sets, **options)
    return caught.value.mistakes


def names(pairs):
    return [pair.name for pair in pairs]


@pytest.mark.parametrize(
    "layout",
    [
        ("train-images", "train-labels"),
        ("Train-Images", "TRAIN-labels"),
        ("train/image", "train/GT"),
        ("Train/Image", "Train/gt"),
        ("train/images", "train/labels"),
        ("train/images", "train/lables"),
    ],
)
def test_each_layout_is_found_and_only_its_training_split_is_read(load, tmp_path, layout):
    root = write_set(tmp_path / "SET", range(3), layout)
    write_set(root, range(10, 13), tuple(folder.lower().replace("train", "test") for folder in layout))
    data = load(root)
    assert names(data.sets[0]) == ["0000", "0001", "0002"]
    assert data.facts["sets"][0]["layout"] == f"{layout[0]} + {layout[1]}"
    assert data.facts["name"] == "SET"
    pair = data.sets[0][0]
    assert pair.pixels.shape == (3, 40, 40)
    assert pair.mask.sum() == 16 * 16
    assert not (tmp_path / "cache").exists()


def test_folders_can_be_named_and_then_no_layout_is_looked_for(load, tmp_path):
    root = write_set(tmp_path / "MINE", range(2), ("pictures", "masks"))
    data = load(DataSet(images=str(root / "pictures"), labels=str(root / "masks"), weight=2.5))
    assert names(data.sets[0]) == ["0000", "0001"]
    assert data.weights == (2.5,)
    assert data.facts["name"] == "MINE"


def test_linked_folders_and_files_are_followed(load, tmp_path):
    kept = write_set(tmp_path / "kept", range(2))
    root = tmp_path / "SET"
    (root / "train-labels").mkdir(parents=True)
    (root / "train-images").symlink_to(kept / "train-images")
    for label in (kept / "train-labels").iterdir():
        (root / "train-labels" / label.name).symlink_to(label)
    assert len(load(root).sets[0]) == 2


def test_no_layout_and_two_layouts_say_what_was_looked_for_and_found(load, tmp_path):
    write_set(tmp_path / "none", [1], ("pictures", "masks"))
    two = write_set(write_set(tmp_path / "two", [1]), [1], ("train/image", "train/GT"))
    lines = mistakes_of(load, tmp_path / "none", two)
    assert len(lines) == 2
    for word in ("data set 1", "train-images + train-labels", "train/image + train/GT", "masks, pictures"):
        assert word in lines[0]
    assert "several layouts, train-images + train-labels, train/image + train/GT" in lines[1]


def test_all_mistakes_of_all_sets_are_in_one_list(load, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20_000)
    root = write_set(tmp_path / "A", range(3))
    images, labels = root / "train-images", root / "train-labels"
    for stem in ("classes", "cut", "dim", "large", "deep", "no-label", "photo", "shape", "small", "twice"):
        write_pair(images, labels, stem, 7)
    save(images / "a\nb.png", np.zeros((40, 40), np.uint8))
    save(labels / "classes.png", np.eye(40, dtype=np.uint8))
    (images / "cut.png").write_bytes((images / "cut.png").read_bytes()[:2000])
    save(labels / "dim.png", np.full((40, 40), 38, np.uint8))
    save(images / "deep.png", np.full((40, 40), 4000, np.uint16))
    save(images / "large.png", np.zeros((150, 150), np.uint8))
    (labels / "no-label.png").unlink()
    save(labels / "photo.png", np.full((40, 40, 3), 130, np.uint8))
    save(labels / "shape.png", np.zeros((40, 41), np.uint8))
    for folder in (images, labels):
        save(folder / "small.png", np.zeros((31, 40), np.uint8))
    save(images / "twice.jpg", np.zeros((40, 40), np.uint8))
    save(labels / "lonely.png", np.zeros((40, 40), np.uint8))
    (images / "broken.png").symlink_to(tmp_path / "nowhere")
    write_pair(tmp_path, labels, "broken", 3)
    empty = tmp_path / "B"
    for folder in ("train-images", "train-labels"):
        (empty / folder).mkdir(parents=True)
    lines = mistakes_of(load, root, empty, tmp_path / "nowhere", DataSet("s3://key:secret@bucket/x", 0.0))
    wanted = [
        ("data set 4: weight must be finite and above 0, found 0.0", ""),
        ("data set 1: ", "twice.png: has the stem of twice.jpg"),
        ("lonely.png", "no picture of that stem"),
        ("a\\nb.png", "no label of that stem"),
        ("no-label.png", "no label of that stem"),
        ("data set 2: ", "train-images: no pictures"),
        ("data set 2: ", "train-labels: no labels"),
        ("data set 3: ", "nowhere: no such folder"),
        ("data set 4: ", "no user, password or query belongs into a URI"),
        ("broken.png", "No such file"),
        ("train-labels/classes.png", "only 0 and 1"),
        ("cut.png", "truncated"),
        ("deep.png", "no 8-bit picture"),
        ("dim.png", "brightest value is 38"),
        ("large.png", "too large for a picture"),
        ("photo.png", "most of it is grey"),
        ("train-labels/shape.png", "41 x 40 px, its picture is 40 x 40 px"),
        ("small.png", "40 x 31 px; at least 32 a side"),
    ]
    for line, words in zip(lines, wanted, strict=True):
        assert all(word in line for word in words), (line, words)
        assert "\n" not in line
        assert "secret" not in line


def test_postscript_in_a_pictures_name_is_not_run(load, tmp_path):
    root = write_set(tmp_path / "A", [0, 1])
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n%%EndComments\nshowpage\n%%EOF\n"
    (root / "train-images/0000.png").write_bytes(program)
    (line,) = mistakes_of(load, root)
    assert "0000.png: cannot identify image file" in line


def save(path, array):
    Image.fromarray(array).save(path)


def test_the_list_of_mistakes_survives_the_way_out_of_a_worker(load, tmp_path):
    with pytest.raises(DataError) as caught:
        load(tmp_path / "a", tmp_path / "b")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert str(copy).startswith("2 mistakes in the training data:\n")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (DataSet(), "names no folder"),
        (DataSet("https://host/b?X-Amz-Signature=secret"), "https://...: only local folders and s3://"),
        (DataSet("s3://user@secret/x"), "no user, password or query"),
        (DataSet("s3://bucket/x?token=secret"), "no user, password or query"),
        (DataSet("s3:///x"), "names no bucket"),
        (DataSet("x", images="a", labels="b"), "needs either `uri`, or both `images` and `labels`"),
        (DataSet(images="a"), "needs either `uri`"),
        (DataSet(images="a", labels="./a/"), "is given for `images` and for `labels`"),
        (DataSet("a\0b"), "names no folder"),
    ],
)
def test_a_set_that_cannot_be_one_is_one_line_without_secrets(load, given, reason):
    (line,) = mistakes_of(load, given)
    assert reason in line
    assert "secret" not in line


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_weights_are_finite_and_above_zero(load, tmp_path, weight):
    root = write_set(tmp_path / "A", [1])
    (line,) = mistakes_of(load, DataSet(str(root), weight))
    assert "weight must be finite and above 0" in line


def test_no_set_at_all_and_a_negative_number_of_pictures_are_mistakes(load):
    assert mistakes_of(load, held_out=-1) == (
        "no data set is named",
        "held_out: must be at least 0, found -1",
    )


def test_grey_palette_and_transparent_pictures_become_rgb_and_an_empty_label_is_one(load, tmp_path):
    root = write_set(tmp_path / "A", [0, 1, 2])
    red = Image.new("RGB", (40, 40), (200, 10, 10))
    red.convert("P").save(root / "train-images/0000.png")
    red.convert("RGBA").save(root / "train-images/0001.png")
    red.convert("L").save(root / "train-images/0002.png")
    Image.new("L", (40, 40)).save(root / "train-labels/0002.png")
    palette, transparent, grey = load(root).sets[0]
    assert palette.pixels[:, 0, 0].tolist() == pytest.approx([200, 10, 10], abs=25)
    assert transparent.pixels[:, 0, 0].tolist() == [200, 10, 10]
    assert len(set(grey.pixels[:, 0, 0].tolist())) == 1
    assert not grey.mask.any()


@pytest.mark.parametrize(("count", "held_out"), [(20, 4), (10, 40), (3, 2)])
def test_one_set_is_split_as_it_always_was(load, tmp_path, count, held_out):
    root = write_set(tmp_path / "A", range(count))
    data = load(root, held_out=held_out, seed=5)
    learn, check = split_pairs(count, min(held_out, count // 4), 5)
    assert names(data.sets[0]) == [f"{i:04}" for i in learn]
    assert names(data.validation) == data.facts["validation"] == [f"{i:04}" for i in check]
    assert data.facts["memory_bytes"] == count * 40 * 40 * 4


def test_a_picture_of_two_sets_is_never_in_training_and_in_validation(load, tmp_path):
    whole = write_set(tmp_path / "whole", range(24))
    part = tmp_path / "part"
    for seed in range(12):
        write_pair(part / "train/image", part / "train/GT", f"renamed-{seed}", seed)
    data = load(whole, part, held_out=6)
    learnt = {pair.pixels.tobytes() for own in data.sets for pair in own}
    assert not learnt & {pair.pixels.tobytes() for pair in data.validation}
    assert len(data.validation) == 6
    removed = sum(int(name.removeprefix("whole/")) < 12 for name in data.facts["validation"])
    assert removed > 0
    assert data.facts["removed"] == data.facts["sets"][1]["removed"] == removed
    assert [len(own) for own in data.sets] == [18, 12 - removed]
    assert data.facts["training"] == 30 - removed


def test_the_mix_is_split_in_the_same_way_whatever_was_read_first(load, tmp_path):
    roots = [write_set(tmp_path / name, seeds) for name, seeds in (("A", range(12)), ("B", range(50, 90)))]
    first, again = load(*roots, held_out=8), load(*roots, held_out=8)
    assert first.facts == again.facts
    assert [each["validation"] for each in first.facts["sets"]] == [2, 6]
    assert load(*roots, held_out=8, seed=1).facts["validation"] != first.facts["validation"]


def test_orssd_inside_eorssd_is_known_by_its_stems_where_the_pixels_differ(load, tmp_path):
    whole = write_set(tmp_path / "EORSSD", range(16))
    part = tmp_path / "ORSSD"
    for stem in range(8):
        write_pair(part / "train-images", part / "train-labels", f"{stem:04}", 100 + stem)
    data = load(whole, part, held_out=4)
    held = {pair.name for pair in data.validation}
    assert data.facts["removed"] > 0
    assert not held & {pair.name for own in data.sets for pair in own}


def test_a_set_that_is_held_out_whole_is_a_mistake(load, tmp_path):
    whole = write_set(tmp_path / "whole", range(16))
    held = load(whole, held_out=4).validation
    part = write_set(tmp_path / "part", [int(pair.name) for pair in held])
    (line,) = mistakes_of(load, whole, part, held_out=4)
    assert str(part) in line
    assert "held out for validation" in line


def test_facts_are_plain_values_and_do_not_tell_whose_home_it_was(load, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = write_set(tmp_path / "home/data/SET", range(4))
    facts = load(root, root, held_out=1).facts
    assert json.loads(json.dumps(facts)) == facts
    assert [each["uri"] for each in facts["sets"]] == ["data/SET", "data/SET"]
    assert [each["name"] for each in facts["sets"]] == ["SET", "SET (2)"]


@pytest.mark.slow
@pytest.mark.data
def test_the_pictures_that_validated_the_shipped_weights_are_held_out_again(load, data_root, pytestconfig):
    data = load(data_root / "VHR10-SOD", held_out=40, seed=0)
    shipped = pytestconfig.rootpath / "models/weights/student/checkpoint.json"
    assert data.facts["validation"] == json.loads(shipped.read_text())["data"]["validation"]
    assert len(data.sets[0]) == data.facts["training"] == 339
    assert len(data.validation) == 40
