from __future__ import annotations

from pathlib import Path

import pytest

from jobs.checks.memory import check_disk, check_memory, free_memory, judge_memory, judge_task, most_halo_px
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.core.tiling import LatticeAxis
from sgddiff_batch.runs import Workers

GIB = 2**30


def system(folder, **files):
    for name, text in files.items():
        path = folder / {"meminfo": "proc/meminfo", "v2": "sys/fs/cgroup/memory.max",
                         "v2_used": "sys/fs/cgroup/memory.current",
                         "v1": "sys/fs/cgroup/memory/memory.limit_in_bytes",
                         "v1_used": "sys/fs/cgroup/memory/memory.usage_in_bytes"}[name]  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


MEMINFO = "MemTotal:       32 kB\nMemFree: 1 kB\nMemAvailable:   16 kB\n"


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({"meminfo": MEMINFO}, 16384),
        ({"meminfo": MEMINFO, "v2": "max\n", "v2_used": "100"}, 16384),
        ({"meminfo": MEMINFO, "v2": "5000\n", "v2_used": "1000\n"}, 4000),
        ({"meminfo": MEMINFO, "v1": "9000", "v1_used": "1000"}, 8000),
        ({"meminfo": MEMINFO, "v1": "9223372036854771712", "v1_used": "1000"}, 16384),
        ({"v2": "5000", "v2_used": "1000"}, 4000),
        ({}, None),
    ],
)
def test_free_memory_is_what_the_kernel_and_the_container_leave(tmp_path, files, free):
    assert free_memory(system(tmp_path, **files)) == free


@pytest.mark.parametrize(("free", "state"), [(4 * GIB, "ok"), (2 * GIB, "failed"), (None, "note")])
def test_memory_is_judged_by_what_a_run_may_take(free, state):
    check = judge_memory(3 * GIB, free)
    assert check.state == state
    assert "a run may take at most 3.00 GiB" in check.found


def test_what_is_judged_is_all_that_all_workers_may_take():
    found = [next(check_memory(Workers(n, 4, 2 * GIB, 0), True, Tiling())).found for n in (1, 2)]
    assert [words.split(";")[0] for words in found] == [
        "a run may take at most 3.12 GiB",
        "a run may take at most 6.24 GiB",
    ]
    assert next(check_memory(Workers(1000, 4, 2 * GIB, 0), True, Tiling())).state == "failed"


def test_on_ray_the_memory_of_this_machine_is_not_judged():
    memory, task = check_memory(Workers(1000, 3, 2 * GIB, 0), False, Tiling())
    assert "each worker reserves 3.12 GiB" in memory.found
    assert (memory.state, task.state) == ("ok", "ok")


@pytest.mark.parametrize(
    ("in_flight", "task_memory", "state", "words"),
    [
        (4, 2 * GIB, "ok", "a block of 4096 px takes at most 0.45 GiB, and a task may take 0.50 GiB"),
        (18, 2 * GIB, "note", "are worked on one by one"),
        (4, GIB // 4, "note", "are refused"),
    ],
)
def test_a_block_that_does_not_fit_into_a_task_is_a_note(in_flight, task_memory, state, words):
    check = judge_task(Workers(1, in_flight, task_memory, 0), Tiling())
    assert (check.state, words in check.found) == (state, True)
    assert state == "ok" or "task_memory_gib" in check.mend


@pytest.mark.parametrize(
    "tiling", [Tiling(), Tiling(576, 64, 512), Tiling(1088, 40, 512), Tiling(96, 8, 704)]
)
def test_what_a_block_is_said_to_take_holds_for_each_block_of_a_scene(tiling):
    most_px = most_halo_px(tiling)
    for length in (tiling.block_px + 1, 7 * tiling.block_px, 9 * tiling.block_px - 5):
        axis = LatticeAxis(length, tiling.tile_px, tiling.overlap_px)
        for start in range(0, length, tiling.block_px):
            first, last = axis.halo(start, min(start + tiling.block_px, length))
            assert last - first <= most_px


def test_disk_is_that_of_the_nearest_folder_that_is_there(tmp_path):
    check = check_disk(tmp_path / "new" / "out", 0)
    assert check.state == "ok"
    assert f"free below {tmp_path};" in check.found
    assert not (tmp_path / "new").exists()


def test_an_archive_that_is_larger_than_the_disk_is_a_note():
    assert check_disk(Path("/"), 2**60).state == "note"
