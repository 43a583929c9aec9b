"""`sgddiff view`: the address is printed, a browser opened where there is a screen, and Ctrl-C ends it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import webbrowser
from contextlib import contextmanager

import pytest

from jobs.cli import main
from jobs.exits import Exit
from sgddiff_batch.viewer import LoopbackServer, site
from tests.kit.processes import ended
from tests.viewer.site_examples import page_in

_PROGRAM = (
    "import pathlib, sys; from sgddiff_batch.viewer import site; site.PAGE = pathlib.Path(sys.argv[1]); "
    "from jobs.cli import main; sys.exit(main(sys.argv[2:]))"
)


def fetched(url):
    with urllib.request.urlopen(url, timeout=30) as reply:
        return reply.read()


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "PAGE", page_in(tmp_path))
    return site.PAGE


@pytest.fixture
def opened(monkeypatch):
    """The addresses that were opened in a browser, on a machine with a screen."""
    addresses = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", lambda url: addresses.append(url) or True)
    return addresses


@pytest.fixture
def look(monkeypatch):
    """What is looked at while the server waits, before Ctrl-C ends it."""
    looked = []

    def wait(server):
        looked.extend(look(server.url) for look in looks)
        raise KeyboardInterrupt

    looks = [lambda url: json.loads(fetched(f"{url}config.json"))]
    monkeypatch.setattr(LoopbackServer, "wait", wait)
    return looks, looked


def test_an_output_is_shown_by_its_uri_or_by_the_config(night, page, opened, look, capsys):
    for words in ([str(night.output)], ["--config", night.config]):
        assert main(["view", *words]) == Exit.DONE
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == (f"{opened[-1]}\n", "")
    first, second = look[1]
    assert first == second
    assert (first["title"], first["explain"], first["basemap"]) == ("out", "api/explain", None)


def test_a_pixel_is_explained_as_the_verb_does_it(night, page, opened, look, capsys):
    row = night.uri("a.tif").removeprefix(f"{night.output}/")
    look[0].append(lambda url: json.loads(fetched(f"{url}api/explain?store={row}&row=30&col=40")))
    main(["view", str(night.output)])
    capsys.readouterr()
    assert main(["explain", night.uri("a.tif"), "30", "40", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == look[1][1]


def test_no_browser_is_opened_where_none_is_wanted_or_there_is_no_screen(
    night, page, opened, look, capsys, monkeypatch
):
    main(["view", str(night.output), "--no-browser"])
    assert capsys.readouterr().err == ""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    main(["view", str(night.output)])
    assert capsys.readouterr().err == "no browser could be opened: open the address yourself\n"
    assert opened == []


def test_a_basemap_is_told_with_whose_it_is(night, page, look):
    tiles = "https://tiles.example/{z}/{x}/{y}.png"
    main(["view", str(night.output), "--no-browser", "--basemap", tiles])
    main(["view", str(night.output), "--no-browser", "--basemap", tiles, "--attribution", "© them"])
    assert [one["basemap"]["attribution"] for one in look[1]] == ["https://tiles.example", "© them"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--basemap", "tiles/{z}/{x}/{y}"], "--basemap: "),
        (["--attribution", "me"], "give --basemap, too"),
        (["--export", "x", "--port", "1"], "by --export none is started"),
        (["--export", "x.zarr"], "which is an output's own"),
        (["--port", "70000"], "--port 70000: it cannot be had"),
    ],
)
def test_a_mistake_in_the_flags_ends_with_2(night, page, flags, said, capsys):
    assert main(["view", str(night.output), *flags]) == Exit.WRONG
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_an_output_without_a_catalogue_ends_with_2_and_says_what_to_do(tmp_path, page, capsys):
    assert main(["view", str(tmp_path / "typo")]) == Exit.WRONG
    assert "has no catalogue to show: give the output.uri of a run" in capsys.readouterr().err


def test_an_export_is_a_page_that_finds_output_and_scenes(night, page, tmp_path, capsys):
    assert main(["view", "--config", night.config, "--export", str(night.output / "_view")]) == Exit.DONE
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (f"{night.output}/_view/index.html\n", "")
    told = json.loads((night.output / "_view" / "config.json").read_text())
    assert told["output"] == "../"
    (scenes,) = told["scenes"]
    assert (night.output / "_view" / scenes["href"] / "a.tif").is_file()
    assert scenes["prefix"].endswith("/scenes/")


def test_an_export_says_what_readers_need_besides(night, page, tmp_path, capsys):
    words = ["--set", "archive.uri=https://stac.example/api"]
    tiles = ["--basemap", "https://tiles.example/{z}/{x}/{y}.png"]
    target = ["--export", str(tmp_path / "view")]
    assert main(["view", "--config", night.config, *words, *tiles, *target]) == Exit.DONE
    assert capsys.readouterr().err.splitlines() == [
        "it reads from https://tiles.example, which must allow it (CORS): docs/viewing.md",
        "it does not show the scenes of https://stac.example/api",
    ]


def test_gc_and_verify_leave_an_export_in_its_output_alone(night, page, capsys):
    target = night.output / "_view"
    main(["view", str(night.output), "--export", str(target)])
    before = sorted(target.iterdir())
    assert main(["gc", str(night.output), "--older-than", "0", "--delete"]) == Exit.DONE
    assert main(["verify", str(night.output)]) == Exit.DONE
    assert sorted(target.iterdir()) == before
    assert "_view" not in capsys.readouterr().out.partition("index.html")[2]


def test_an_interruption_before_the_page_is_there_is_one(night, page, opened, monkeypatch, capsys):
    def interrupted(_server):
        raise KeyboardInterrupt

    monkeypatch.setattr(LoopbackServer, "server_bind", interrupted)
    assert main(["view", str(night.output)]) == Exit.INTERRUPTED
    assert "interrupted" in capsys.readouterr().err


@contextmanager
def viewing(output, page):
    """Yield a process that shows an output, and its address."""
    command = [sys.executable, "-c", _PROGRAM, str(page), "view", str(output), "--no-browser"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
        ended(process),
    ):
        yield process, process.stdout.readline().strip()


def test_two_are_shown_at_once_and_ctrl_c_ends_one_quietly(night, page):
    with viewing(night.output, page) as (one, first), viewing(night.output, page) as (_, second):
        assert fetched(f"{first}config.json") == fetched(f"{second}config.json")
        guess = first.replace(first.split("/")[3], second.split("/")[3])
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetched(guess)
        one.send_signal(signal.SIGINT)
        said = one.communicate(timeout=30)[1]
        assert (one.returncode, said) == (0, "")
        assert fetched(second)
