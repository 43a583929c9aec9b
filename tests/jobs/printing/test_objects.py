"""What is printed of objects: a row a mosaic, also of those that are left out, and where all of them are."""

from __future__ import annotations

from jobs.printing.objects import print_history, print_news, print_objects
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.io.objects.asking import History, ObjectNews, Sighting
from sgddiff_batch.io.objects.output import LeftOut, MosaicObjects, OutputObjects


def test_mosaics_with_and_without_metres_and_those_left_out_have_a_row_each(capsys):
    mosaics = (
        MosaicObjects("a.tif", "a", 1200, 34567, 8912.4, "part", True),
        MosaicObjects("b.tif", "b", 1, 5, None, "part", False),
    )
    left_out = (LeftOut("c\n[bold].tif", "c", "it was removed meanwhile", False),)
    print_objects(OutputObjects("s3://b/objects.parquet", ObjectSettings(), mosaics, left_out))
    told = capsys.readouterr().out
    assert "1201 objects" in told
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told.splitlines() if "│" in line]
    assert rows == [
        ["a.tif", "1,200", "34,567", "8,912 m2", "made"],
        ["b.tif", "1", "5", "-", "was there"],
        ["c\\n[bold].tif", "-", "-", "-", "left out: it was removed meanwhile"],
    ]
    assert told.endswith("objects: s3://b/objects.parquet\n")


def test_news_are_a_row_each_and_what_has_no_time_is_counted(capsys):
    news = [ObjectNews("a" * 20, "seen", "2026-01-01T00:00:00+00:00", "x\n.tif", None, 0.9, 14.5, None)]
    print_news(news, 2)
    told = capsys.readouterr().out
    (cells,) = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told.splitlines() if "│" in line]
    assert cells == ["2026-01-01T00:00:00+00:00", "a" * 20, "seen", "x\\n.tif", "-", "14.500000", "-"]
    assert "2 objects are of scenes of unknown time, and not listed" in told


def test_a_history_tells_state_relatives_and_who_shows_the_object(capsys):
    seen = Sighting("a.tif", None, "a.tif/1.zarr", False, ("f" * 20,), area_m2=150_000.0)
    print_history(History("a" * 20, "merged", "b.tif", "2026-01-02", "b" * 20, ("c" * 20,), (seen,)))
    told = capsys.readouterr().out
    assert told.startswith(
        f"{'a' * 20}: merged, by b.tif, 2026-01-02\npart of {'b' * 20}\nparent of {'c' * 20}\n"
    )
    assert "150,000 m2" in told
    assert "f" * 20 in told
