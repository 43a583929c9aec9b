"""Contact sheets show every picture whole, in its place, and the same pictures throughout a run."""

from __future__ import annotations

import io
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest
from PIL import Image

from jobs.evaluation.contact_sheet import (
    CELL_PX,
    MOST_ROWS,
    SheetRow,
    choose_rows,
    draw_contact_sheet,
    printable,
)
from jobs.training.pictures.data import DataSet, load_training_data

COLUMNS = ("picture", "label", "teacher", "student")
RED, GREY = (200, 10, 20), (90, 90, 90)


@dataclass(frozen=True)
class Labelled:
    name: str
    mask: np.ndarray


def masks(count):
    """`count` pictures of 20 x 20 whose objects cover 0, 1, 2, ... pixels, in no order."""
    found = []
    for covered in np.random.default_rng(3).permutation(count):
        mask = np.zeros(400, bool)
        mask[:covered] = True
        found.append(Labelled(f"p{covered:03d}", mask.reshape(20, 20)))
    return found


def row(name="harbour", height=120, width=240, caption="F .83  MAE .012"):
    picture = np.empty((3, height, width), np.uint8)
    picture[:] = np.array(RED, np.uint8)[:, None, None]
    return SheetRow(
        name, (picture, np.ones((height, width), bool), None, np.full((height, width), 90, np.uint8)), caption
    )


def opened(png):
    with Image.open(io.BytesIO(png)) as sheet:
        sheet.load()
        return sheet


def area_of(sheet, colour):
    return int((np.asarray(sheet) == colour).all(axis=2).sum())


def test_every_picture_is_drawn_whole_under_its_column():
    sheet = opened(draw_contact_sheet([row()], COLUMNS))
    assert sheet.width == 4 * (CELL_PX + 8) + 8
    assert area_of(sheet, RED) == 120 * 240
    middle = sheet.height - 8 - 60
    columns = [sheet.getpixel((8 + place * (CELL_PX + 8) + 20, middle)) for place in range(4)]
    assert columns == [RED, (255, 255, 255), (226, 226, 224), GREY]


@pytest.mark.parametrize(("height", "width"), [(480, 960), (60, 120), (1200, 2400)])
def test_pictures_are_scaled_to_the_cell_in_proportion(height, width):
    assert area_of(opened(draw_contact_sheet([row(height=height, width=width)], COLUMNS)), RED) == 120 * 240


def test_small_pictures_are_magnified_eight_times_at_most_and_keep_their_pixels():
    board = np.indices((4, 5)).sum(0) % 2 == 0
    sheet = opened(draw_contact_sheet([SheetRow("board", (board,))], ()))
    assert area_of(sheet, (255, 255, 255)) == board.sum() * 64
    assert sheet.height < 80


def test_a_picture_of_one_row_of_many_columns_is_still_shown():
    assert area_of(opened(draw_contact_sheet([row(height=1, width=9000)], COLUMNS)), RED) == CELL_PX


def test_pictures_of_one_row_may_differ_in_size():
    mixed = SheetRow("mixed", (np.full((3, 300, 100), 7, np.uint8), np.full((50, 100), 9, np.uint8)))
    sheet = opened(draw_contact_sheet([mixed], ("a", "b")))
    assert area_of(sheet, (7, 7, 7)) == 240 * 80
    assert area_of(sheet, (9, 9, 9)) == 120 * 240


def test_a_white_label_stands_out_from_the_paper():
    sheet = opened(draw_contact_sheet([SheetRow("all", (np.ones((240, 240), bool),))], ()))
    left, top = np.argwhere((np.asarray(sheet) == 255).all(axis=2)).min(0)[::-1]
    assert max(sheet.getpixel((int(left) - 1, int(top) + 100))) < 240


def test_names_captions_and_titles_are_written():
    plain = draw_contact_sheet([row(name="", caption="")], ("", "", "", ""))
    for changed in (
        draw_contact_sheet([row(caption="")], ("", "", "", "")),
        draw_contact_sheet([row(name="")], ("", "", "", "")),
        draw_contact_sheet([row(name="", caption="")], COLUMNS),
    ):
        assert opened(changed).size == opened(plain).size
        assert np.abs(np.asarray(opened(changed), int) - np.asarray(opened(plain), int)).sum() > 10_000


def test_hostile_text_is_kept_on_its_line():
    texts = ("\n\t\x00\ud800" * 9000, "字" * 40, "x" * 100_000, "$a_{")
    usual = opened(draw_contact_sheet([row()], COLUMNS))
    for text in texts:
        sheet = opened(draw_contact_sheet([row(name=text, caption=text)], (text, *COLUMNS[1:])))
        assert sheet.size == usual.size
        assert area_of(sheet, RED) == area_of(usual, RED)


def test_text_keeps_its_end_and_shows_odd_letters_as_question_marks():
    assert printable("a\nb\ud800\u5b57é") == "a?b??é"
    assert printable("abcdefghij", 6) == "...hij"


def test_no_rows_and_no_pictures_are_sheets_too():
    assert opened(draw_contact_sheet([], COLUMNS)).width > 900
    assert opened(draw_contact_sheet([], ())).width == 400
    assert opened(draw_contact_sheet([SheetRow("gone", (None,) * 4)], COLUMNS)).height > 60


def test_the_same_rows_give_the_same_bytes():
    assert draw_contact_sheet([row(), row("b")], COLUMNS) == draw_contact_sheet([row(), row("b")], COLUMNS)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 4, 5), np.float32),
        np.zeros((4, 5, 3), np.uint8),
        np.zeros((3, 4, 5), bool),
        np.zeros((0, 5), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((4, 5), np.int64),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_what_is_no_picture_is_refused_with_the_rows_name(array):
    with pytest.raises(ValueError, match="picture 1 of 'harbour'"):
        SheetRow("harbour", (None, array))


def test_a_row_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        row().name = "other"


def test_a_row_with_too_few_pictures_is_refused_with_its_name():
    with pytest.raises(ValueError, match=r"'short' has 1 pictures for 4 columns \(picture, label"):
        draw_contact_sheet([SheetRow("short", (None,))], COLUMNS)


def test_a_sheet_of_too_many_rows_is_refused():
    with pytest.raises(ValueError, match=f"{MOST_ROWS} is the most"):
        draw_contact_sheet([SheetRow("x", (None,))] * (MOST_ROWS + 1), ())


def test_the_choice_is_the_same_for_a_run_whatever_the_order_of_the_pairs():
    pairs = masks(50)
    chosen = [pairs[index].name for index in choose_rows(pairs, 6, seed=4)]
    shuffled = pairs[::-1]
    assert [shuffled[index].name for index in choose_rows(shuffled, 6, seed=4)] == chosen
    others = [[pairs[index].name for index in choose_rows(pairs, 6, seed)] for seed in range(5, 9)]
    assert any(other != chosen for other in others)


def test_the_choice_is_spread_over_the_sizes_of_the_objects():
    pairs = masks(60)
    for seed in range(10):
        covered = [int(pairs[index].mask.sum()) for index in choose_rows(pairs, 6, seed)]
        assert [pixels // 10 for pixels in covered] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("pairs", "count", "chosen"), [(3, 8, 3), (3, 3, 3), (0, 4, 0), (5, 0, 0), (5, 1, 1)]
)
def test_there_are_never_more_rows_than_pairs_or_asked_for(pairs, count, chosen):
    found = choose_rows(masks(pairs), count, seed=0)
    assert len(found) == len(set(found)) == chosen


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match="-1"):
        choose_rows(masks(3), -1, seed=0)


def test_real_pictures_make_a_sheet(data_root, tmp_path):
    images, labels = (str(data_root / "VHR10-SOD" / f"test-{kind}") for kind in ("images", "labels"))
    pairs = load_training_data([DataSet(images=images, labels=labels)], 0, 0, tmp_path).sets[0][:12]
    chosen = [pairs[index] for index in choose_rows(pairs, 3, seed=0)]
    rows = [SheetRow(pair.name, (pair.pixels, pair.mask, None, None)) for pair in chosen]
    sheet = opened(draw_contact_sheet(rows, COLUMNS))
    assert sheet.height > 3 * 100
    assert len(np.unique(np.asarray(sheet)[..., 0])) > 100
