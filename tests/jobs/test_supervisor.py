"""A command whose process dies: begun again, ended, or given up; and signals reach the one that works."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import psutil
import pytest

from jobs import supervisor
from jobs.exits import Exit
from jobs.supervisor import MOST_IN_VAIN, Journal, told_once
from tests.kit.jobs import ROOT
from tests.kit.processes import ended

pytestmark = pytest.mark.timeout(60)
PROGRAM = """
import os, signal, sys, time
from jobs.exits import guarded
from jobs.supervisor import supervise

def die(name):
    os.kill(os.getpid(), getattr(signal, name))
    signal.pause()

def work():
    journal = supervise()
{work}
    return 0

sys.exit(guarded("run", work))
"""
STARTS = "    print('at work', os.getpid(), flush=True)\n"
WAITS = STARTS + "    time.sleep(50)"


def program(work):
    return [sys.executable, "-c", PROGRAM.format(work=work)]


def run(work, **options):
    return subprocess.run(
        program(work), check=False, capture_output=True, text=True, cwd=ROOT, timeout=50, **options
    )


@contextmanager
def started(command, **options):
    """Yield a process whose words are heard."""
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT, **options) as process,
        ended(process),
    ):
        yield process


@contextmanager
def at_work(work, **options):
    """Yield the supervisor, and the process that it has at work."""
    with started(program(work), **options) as process:
        yield process, psutil.Process(int(process.stdout.readline().split()[-1]))


def gone(process):
    _, alive = psutil.wait_procs([process], timeout=20)
    return not alive


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_its_exit_code_is_that_of_the_process_that_worked(code):
    assert run(f"    raise SystemExit({code})").returncode == code


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE"])
def test_a_process_that_crashed_or_was_killed_is_begun_again_and_the_next_one_is_told(name):
    said = run(f"    if not journal.deaths: die('{name}')\n    print([d['signal'] for d in journal.deaths])")
    assert (said.returncode, said.stdout.strip()) == (0, f"['{name}']")
    assert f"the process of this run died ({name}) and is begun again" in said.stderr


def test_what_a_process_keeps_is_known_to_those_that_take_its_place():
    said = run(
        "    if journal.deaths: print(journal.kept('a'), journal.kept('b'), journal.kept('c'))\n"
        "    else: [journal.keep(*kept) for kept in (('a', {'n': 1}), ('b', {'n': 2}), ('a', {'n': 3}))]\n"
        "    if not journal.deaths: die('SIGKILL')"
    )
    assert said.stdout.strip() == "{'n': 3} {'n': 2} None"


def test_processes_that_get_nothing_done_are_not_begun_for_ever():
    said = run(STARTS + "    die('SIGKILL')")
    assert (said.returncode, said.stdout.count("at work")) == (1, MOST_IN_VAIN)
    assert "its process died 3 times in a row (SIGKILL, SIGKILL, SIGKILL)" in said.stderr
    assert said.stderr.splitlines()[-1].startswith("sgddiff run: ")


def test_a_death_after_the_end_changes_neither_the_code_nor_what_was_printed():
    said = run(STARTS + "    print('done'); journal.end(3); die('SIGABRT')")
    assert (said.returncode, said.stdout.count("done")) == (3, 1)
    assert said.stderr.strip() == "its process died (signal 6) when all was done"


def test_the_command_notes_its_end_and_a_crash_at_exit_is_none_of_the_run(tmp_path):
    """Through the command itself: an exit handler crashes after its line was printed."""
    code = (
        "import atexit, os, signal, sys\nfrom jobs import cli, supervisor\nfrom jobs.verbs import run\n"
        "from types import SimpleNamespace as Of\n"
        "def work(options):\n"
        "    supervisor.supervised(options, Of(engine=Of(kind='local')))\n"
        "    atexit.register(os.kill, os.getpid(), signal.SIGSEGV)\n"
        "    print('{}')\n"
        "    return supervisor.Exit.QUARANTINED\n"
        "run.run = work\nsys.exit(cli.main(['run', '--config', 'x'], is_process=True))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (said.returncode, said.stdout) == (3, "{}\n"), said.stderr


def test_a_signal_without_a_name_ends_both():
    number = signal.SIGRTMIN + 1
    assert run(f"    os.kill(os.getpid(), {number})").returncode == -number


def test_as_long_as_something_gets_done_there_is_a_next_one():
    said = run(STARTS + "    if len(journal.deaths) < 7: journal.progressed(); die('SIGSEGV')")
    assert (said.returncode, said.stdout.count("at work")) == (0, 8)


@pytest.mark.parametrize("to_worker", [False, True])
def test_sigterm_ends_both_whoever_gets_it(to_worker):
    with at_work(WAITS) as (process, worker):
        (worker if to_worker else process).send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM
        assert gone(worker)


@pytest.mark.parametrize("to_worker", [False, True])
def test_sigint_ends_both_whoever_gets_it(to_worker):
    with at_work(WAITS) as (process, worker):
        (worker if to_worker else process).send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert gone(worker)


def test_a_ctrl_c_that_both_get_interrupts_the_work_once():
    work = (
        "    try: print('at work', os.getpid(), flush=True); time.sleep(50)\n"
        "    finally: time.sleep(.5); print('published')"
    )
    with at_work(work, start_new_session=True) as (process, worker):
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out.strip()) == (130, "published")
    assert err.strip() == "sgddiff run: interrupted; run the same command again to go on"
    assert gone(worker)


def test_who_goes_on_pressing_ctrl_c_is_heard_again(monkeypatch):
    heard, now = [], [10.0]
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now[0])
    handle = supervisor._once(lambda number, frame: heard.append(now[0]))
    for at in (10.0, 10.2, 10.9, 11.3, 11.9, 12.6):
        now[0] = at
        handle(signal.SIGINT, None)
    assert heard == [10.0, 11.3, 12.6]


def test_a_ctrl_c_that_is_ignored_stays_so():
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    work = STARTS + "    sys.stdin.readline()\n    print('done')"
    command = [sys.executable, "-c", ignore + PROGRAM.format(work=work)]
    with started(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate("\n", timeout=20)[0].strip() == "done"
        assert process.returncode == 0


def test_one_that_crashes_after_it_was_asked_to_end_is_not_begun_again():
    work = "    try: print('at work', os.getpid(), flush=True); time.sleep(50)\n    finally: die('SIGSEGV')"
    with at_work(work) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[0] == ""
        assert process.returncode == 130


def test_the_work_ends_with_a_supervisor_that_is_killed():
    with at_work(WAITS) as (process, worker):
        process.kill()
        process.wait()
        assert gone(worker)


def test_a_supervisor_has_loaded_nothing_heavy():
    heavy = ("torch", "rasterio", "zarr", "pyarrow", "s3fs", "ray", "sgddiff_batch.runs")
    code = (
        "import sys, jobs.cli, jobs.verbs.run, jobs.verbs.compose, sgddiff_batch.config\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.strip() == "[]"


def test_a_line_that_a_kill_cut_off_costs_no_other():
    journal = Journal()
    journal.keep("a", {"n": 1})
    os.write(journal._facts, b'\n{"a": {"n"')
    assert journal.kept("a") == {"n": 1}
    journal.keep("b", {"n": 2})
    assert (journal.kept("a"), journal.kept("b")) == ({"n": 1}, {"n": 2})


@pytest.mark.parametrize("journal", [None, Journal()], ids=["alone", "watched"])
def test_a_part_that_has_ended_is_not_done_again_for_the_death_of_another(journal):
    def work():
        done.append("part")
        facts["totals"] = {"done": 2}
        return Exit.QUARANTINED

    done, facts = [], {"area": "monthly"}
    assert told_once(journal, "monthly", facts, work) is Exit.QUARANTINED
    facts = {"area": "monthly"}
    assert told_once(journal, "monthly", facts, work) is Exit.QUARANTINED
    assert facts == {"area": "monthly", "totals": {"done": 2}}
    assert len(done) == (2 if journal is None else 1)
