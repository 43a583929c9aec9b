from __future__ import annotations

from jobs.printing import print_export_counts, print_exported, print_objects_exported
from sgddiff_batch.io.vectors import Written
from sgddiff_batch.runs import Exported

WRITTEN = Exported("a", "o/a/v-k.zarr", "to/a.tif", "written")
THERE = Exported("b", "o/b/v-k.zarr", "to/b.tif", "unchanged")
FAILED = Exported("c\n", "o/c/v-k.zarr", "to/c.tif", "failed", "no\x1b[31mdisk")


def test_what_was_there_is_not_told_and_what_failed_with_its_reason_on_one_printable_line(capsys):
    for row in (WRITTEN, THERE, FAILED):
        print_exported(row)
    said = capsys.readouterr()
    assert said.err.splitlines() == ["wrote to/a.tif", "sgddiff export: c\\n: no\\x1b[31mdisk"]
    assert said.out == ""


def test_all_are_counted(capsys):
    print_export_counts([WRITTEN, THERE, THERE, FAILED])
    assert capsys.readouterr().err == "4 mosaics: 1 written, 2 unchanged, 1 failed\n"


def test_objects_that_could_not_be_written_are_counted(capsys):
    print_objects_exported("o\n.fgb", Written(3, 1, 2))
    assert capsys.readouterr().err.splitlines() == [
        "wrote o\\n.fgb: 3 objects",
        "1 object has no place on the globe",
        "2 objects are of scenes that were taken at another time, or nobody knows when",
    ]
