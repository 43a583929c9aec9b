"""What is printed of objects: a row a mosaic, also of those that are left out, and where all of them are."""

from __future__ import annotations

from jobs.printing.objects import print_objects
from sgddiff_batch.core.object_settings import ObjectSettings
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
