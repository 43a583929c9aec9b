"""Reads mutated TIFFs as the job does, in processes of their own, and says what became of each.

    python -m tests.faults.fuzz --count 10000 --seed 1 [--first 0] [--keep FOLDER]

Ends with 1 if a mutant ended its process, took too long, or raised what is no error of a scene; each such
finding is a line, and its mutant is kept in the folder.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sgddiff_batch.core.planning import SceneMosaic, Tiling, plan_tasks
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.errors import SceneError
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from tests.kit.fuzz import Mutator, sound_files

MEMORY_BYTES = 1536 * 2**20
"""What reading may take on top of what the interpreter and its libraries have mapped."""

MOST_CPU_S = 10.0
"""A mutant that takes longer to compute is a finding; a processor that is busy elsewhere is not."""

HANGS_AFTER_S = 120.0
CHILD = ["-m", "tests.faults.fuzz"]
TILING, TASK_BYTES, MOST_TASKS = Tiling(576, 64, 1024), 96 * 2**20, 16


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: done and quarantine are sound, all else (died, hung, slow, error) is not."""

    number: int
    state: str
    reason: str = ""
    cpu_s: float = 0.0

    @property
    def is_finding(self) -> bool:
        return self.state not in ("done", "quarantine")


def read_like_the_job(path: Path) -> int:
    """Open a scene and read its tasks: all, or 16 spread over it where it claims more; return how many."""
    reader, scene = GeoTiffReader(), Scene("m.tif", str(path), "v1", path.stat().st_size)
    profile = reader.profile(scene)
    tasks = plan_tasks(SceneMosaic.at("m", scene, profile, TILING), TASK_BYTES)
    last = min(len(tasks), MOST_TASKS) - 1
    chosen = [tasks[i * (len(tasks) - 1) // max(last, 1)] for i in range(last + 1)]
    for task in chosen:
        pixels, valid = reader.read(scene, profile, task.halo)
        assert pixels.shape[1:] == valid.shape == (task.halo.height_px, task.halo.width_px)
        assert not pixels[:, ~valid].any()
    return len(chosen)


def judge(path: Path, number: int) -> Verdict:
    """Read one mutant in this process."""
    start = time.process_time()
    try:
        state, reason = "done", f"{read_like_the_job(path)} tasks"
    except SceneError as error:
        state, reason = "quarantine", f"{type(error).__name__}: {error}"
    except Exception as error:
        state, reason = "error", f"{type(error).__name__}: {' '.join(str(error).split())}"
    cpu_s = time.process_time() - start
    if cpu_s > MOST_CPU_S:
        state, reason = "slow", f"{cpu_s:.1f} s for {state}: {reason}"
    return Verdict(number, state, reason, cpu_s)


def _child(folder: Path, seed: int, first: int, stop: int) -> None:
    """Judge mutants one after the other, each on a line; the next to be told of is the one being read."""
    logging.disable(logging.CRITICAL)
    mutator = Mutator(_sound(folder), seed)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES, mapped + MEMORY_BYTES))
    path = folder / "m.tif"
    for number in range(first, stop):
        path.write_bytes(mutator.mutant(number))
        print(json.dumps(asdict(judge(path, number))), flush=True)


def _sound(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("sound-*"))]


def verdicts(
    count: int, seed: int, first: int = 0, keep: Path | None = None, child: Sequence[str] = CHILD
) -> Iterator[Verdict]:
    """Judge ``count`` mutants from ``first`` on in children, a new one after each that died or hung.

    child: what Python runs as one.
    """
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        for number, data in enumerate(sound_files(folder)):
            (folder / f"sound-{number:02}").write_bytes(data)
        mutator, following = Mutator(_sound(folder), seed), first
        while following < first + count:
            for verdict in _verdicts_of_child(folder, seed, following, first + count, child):
                following = verdict.number + 1
                if verdict.is_finding and keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{seed}-{verdict.number}.tif").write_bytes(mutator.mutant(verdict.number))
                yield verdict


def _verdicts_of_child(
    folder: Path, seed: int, first: int, stop: int, program: Sequence[str]
) -> Iterator[Verdict]:
    command = [sys.executable, *program, "--child", str(folder)]
    command += ["--seed", str(seed), "--first", str(first), "--count", str(stop - first)]
    with (folder / "stderr").open("wb") as words:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words)
    assert child.stdout is not None
    with child:
        try:
            for number in range(first, stop):
                if not select.select([child.stdout], [], [], HANGS_AFTER_S)[0]:
                    yield Verdict(number, "hung", f"no answer within {HANGS_AFTER_S:.0f} s")
                    return
                line = child.stdout.readline()
                if not line:
                    code = child.wait()
                    said = (folder / "stderr").read_text(errors="replace")[-300:]
                    yield Verdict(number, "died", f"exit {code}: {' '.join(said.split())}")
                    return
                yield Verdict(**json.loads(line))
        finally:
            child.kill()


def main(argv: Sequence[str] | None = None) -> int:
    """Judge many mutants and print the findings and the counts."""
    parser = argparse.ArgumentParser(prog="fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--keep", type=Path, help="folder for the mutants that were findings")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        _child(options.child, options.seed, options.first, options.first + options.count)
        return 0
    counts: Counter[str] = Counter()
    slowest = 0.0
    for verdict in verdicts(options.count, options.seed, options.first, options.keep):
        counts[verdict.state] += 1
        slowest = max(slowest, verdict.cpu_s)
        if verdict.is_finding:
            print(f"mutant {verdict.number}: {verdict.state}: {verdict.reason}", flush=True)
        if counts.total() % 500 == 0:
            print(f"{counts.total()} mutants: {dict(counts)}; slowest {slowest:.2f} s", flush=True)
    print(f"{counts.total()} mutants of seed {options.seed}: {dict(counts)}; slowest {slowest:.2f} s")
    return 0 if set(counts) <= {"done", "quarantine"} else 1


if __name__ == "__main__":
    sys.exit(main())
