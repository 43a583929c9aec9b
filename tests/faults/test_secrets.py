"""Secrets of the environment and of URLs are in nothing that a run prints or writes, however it fails."""

import pytest

from tests.kit import jobs
from tests.kit.broken_s3 import Rule, run_broken_s3

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "s3cr3t-of-the-key",
    "AWS_ACCESS_KEY_ID": "AKIASECRETSECRET1234",
    "AWS_SESSION_TOKEN": "s3cr3t-of-the-session",
}
IN_URLS = ("s3cr3t-in-the-url", "s3cr3t-in-the-query")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with run_broken_s3(tmp_path_factory.mktemp("broken")) as running:
        yield running


@pytest.fixture
def environment(server, monkeypatch, archive):
    for name, value in {**server.environment, **SECRETS}.items():
        monkeypatch.setenv(name, value)
    for path in archive.rglob("*.tif"):
        server.object(f"bk/in/{path.relative_to(archive)}").write_bytes(path.read_bytes())
    server.object("bk/in/broken.tif").write_bytes(b"II*\0 no raster")
    server.script()
    return server


def leaks(*places):
    """Return the secrets that are in files of a name or below a folder."""
    found = set()
    for place in places:
        files = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]
        for path in files:
            data = path.read_bytes()
            found |= {(path.name, word) for word in (*SECRETS.values(), *IN_URLS) if word.encode() in data}
    return found


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ((), 3),
        ((Rule("GET", "bk/in/a.tif", "code ExpiredToken", None),), 1),
        ((Rule("PUT", "bk/out/*", "code SignatureDoesNotMatch", None),), 2),
        ((Rule("LIST", "bk/in*", "code InvalidAccessKeyId", None),), 2),
        ((Rule("GET", "bk/in/a.tif", "403", None),), 3),
    ],
    ids=["sound", "expired in mid-run", "no writing", "no listing", "no reading"],
)
def test_keys_of_the_environment_are_never_shown(environment, tmp_path, checkpoint, rules, code):
    out = f"s3://bk/out{len(rules)}{code}"
    config = jobs.write_config(tmp_path / "run.yaml", "s3://bk/in", out, checkpoint)
    environment.script(*(Rule(r.operation, r.key.replace("out", out[8:]), r.fault, r.calls) for r in rules))
    assert jobs.run_job(config) == code, config.with_suffix(".log").read_text()
    output = environment.folder / "data" / out.removeprefix("s3://")
    assert leaks(config.with_suffix(".log"), *([output] if output.exists() else [])) == set()
    assert "Traceback" not in config.with_suffix(".log").read_text()


@pytest.mark.parametrize(
    "where",
    [
        {"AWS_ENDPOINT_URL": "http://user:s3cr3t-in-the-url@127.0.0.1:9"},
        {"archive": "s3://user:s3cr3t-in-the-url@bk/in"},
        {"output": "s3://user:s3cr3t-in-the-url@bk/out"},
        {"archive": "https://user:s3cr3t-in-the-url@127.0.0.1:9/c.json?sig=s3cr3t-in-the-query"},
        {"archive": "ftp://user:s3cr3t-in-the-url@host/in"},
    ],
    ids=["endpoint", "archive", "output", "web", "scheme"],
)
def test_a_password_in_a_url_is_never_shown(environment, tmp_path, checkpoint, monkeypatch, where):
    monkeypatch.setenv("AWS_ENDPOINT_URL", where.get("AWS_ENDPOINT_URL", environment.endpoint))
    archive, output = where.get("archive", "s3://bk/in"), where.get("output", str(tmp_path / "out"))
    config = jobs.write_config(tmp_path / "run.yaml", archive, output, checkpoint)
    assert jobs.run_job(config) in (1, 2), config.with_suffix(".log").read_text()
    written = [tmp_path / "out"] if (tmp_path / "out").exists() else []
    assert leaks(config.with_suffix(".log"), *written) == set(), config.with_suffix(".log").read_text()
