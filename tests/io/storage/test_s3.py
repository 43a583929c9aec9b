"""Public buckets without credentials, and those where the asker pays: each bucket is asked in its own way."""

import json

import pytest
from botocore.exceptions import ClientError
from fsspec.asyn import get_loop
from s3fs import S3FileSystem
from s3fs.errors import translate_boto_error

from sgddiff_batch.config.archive import ArchiveConfig
from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.errors import ConfigError, RetryableError, SceneError
from sgddiff_batch.io.scenes.checked_reader import CheckedReader
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from sgddiff_batch.io.sources.listing import list_archive
from sgddiff_batch.io.storage.errors import ClosedBucketError, NoBucketError
from sgddiff_batch.io.storage.s3 import S3Backend
from sgddiff_batch.io.storage.store import Store, open_store
from tests.kit import jobs
from tests.kit.guarded_buckets import CREDENTIALS, guarded_buckets
from tests.kit.s3 import lead_to
from tests.kit.stac import make_item, write_documents

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def buckets(tmp_path, monkeypatch):
    """Three buckets with two scenes each, one with a sidecar; the environment has credentials."""
    for bucket in ("public", "paid", "mine"):
        jobs.write_scene(tmp_path / bucket / "scenes/a.tif", 40, 50, 1)
        jobs.write_scene(tmp_path / bucket / "scenes/b.tif", 40, 50, 2)
        (tmp_path / bucket / "scenes/b.tif.aux.xml").write_text("<PAMDataset></PAMDataset>")
        (tmp_path / bucket / "list.txt").write_text("scenes/a.tif\n")
    with guarded_buckets(tmp_path) as endpoint:
        lead_to({**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}, monkeypatch)
        yield tmp_path


def asked(folder):
    """How each bucket was asked: {bucket: {(signed, pays), ...}}."""
    found = {}
    for line in (folder / "requests.jsonl").read_text().splitlines():
        row = json.loads(line)
        found.setdefault(row["path"].partition("/")[0], set()).add((row["signed"], row["pays"]))
    return found


WAYS = {"public": {(False, False)}, "paid": {(True, True)}, "mine": {(True, False)}}


def query(uri, access, **more):
    return ArchiveConfig(uri=uri, access=access, **more).query()


@pytest.mark.parametrize(
    ("bucket", "access"), [("public", "anonymous"), ("paid", "requester-pays"), ("mine", "own")]
)
@pytest.mark.parametrize("what", ["scenes", "scenes/*.tif", "list.txt", "scenes/a.tif"])
def test_scenes_are_listed_and_read_in_the_way_of_their_bucket_alone(buckets, bucket, access, what):
    listing = list_archive(query(f"s3://{bucket}/{what}", access))
    assert {scene.scene_id.rpartition("/")[2] for scene in listing.scenes} >= {"a.tif"}
    known = query(f"s3://{bucket}/{what}", access).access
    reader = CheckedReader(GeoTiffReader(access=known), known)
    for scene in listing.scenes:
        profile = reader.profile(scene)
        pixels, _ = reader.read(scene, profile, profile.grid.window)
        assert pixels.shape == (3, 40, 50)
    assert asked(buckets) == {bucket: WAYS[bucket]}


def test_sources_of_three_buckets_are_each_asked_in_their_own_way(buckets):
    also = [{"uri": "s3://paid/scenes", "access": "requester-pays"}, {"uri": "s3://mine/scenes"}]
    asking = query("s3://public/scenes", "anonymous", also=also)
    listing = list_archive(asking)
    assert len(listing.scenes) == 6
    reader = GeoTiffReader(access=asking.access)
    for scene in listing.scenes:
        reader.profile(scene)
    open_store("s3://mine/out").write("a", b"1")
    assert asked(buckets) == WAYS


def test_buckets_that_a_list_names_are_asked_as_bucket_access_says(buckets, tmp_path):
    (tmp_path / "scenes.txt").write_text("s3://public/scenes/a.tif\ns3://mine/scenes/b.tif\n")
    asking = ArchiveConfig(uri=str(tmp_path / "scenes.txt"), bucket_access={"public": "anonymous"}).query()
    listing = list_archive(asking)
    for scene in listing.scenes:
        GeoTiffReader(access=asking.access).profile(scene)
    assert asked(buckets) == {name: WAYS[name] for name in ("public", "mine")}


def test_a_stac_catalogue_in_a_public_bucket_is_read_without_credentials(buckets):
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": "i", "links": [], "properties": {"datetime": None},
        "geometry": None, "assets": {"visual": {"href": "scenes/a.tif", "type": "image/tiff"}},
    }  # fmt: skip
    (buckets / "public/item.json").write_text(json.dumps(item))
    assert len(list_archive(query("s3://public/item.json", "anonymous")).scenes) == 1
    assert asked(buckets) == {"public": WAYS["public"]}


def test_a_wrong_way_is_denied_in_words(buckets):
    with pytest.raises(ConfigError, match="cannot be listed"):
        list_archive(query("s3://paid/scenes", "own"))
    scene = Scene("a.tif", "s3://public/scenes/a.tif", "v", 100)
    with pytest.raises(SceneError):
        GeoTiffReader().profile(scene)


@pytest.mark.parametrize("bucket", ["public", "paid", "mine"])
def test_single_objects_are_asked_for_in_the_way_of_their_bucket(buckets, bucket):
    store = open_store(
        f"s3://{bucket}/scenes", BucketAccess({"public": "anonymous", "paid": "requester-pays"})
    )
    assert store.read("a.tif") == store.read_many(["a.tif"])["a.tif"] == store.read_versioned("a.tif").data
    assert store.read_part("a.tif", 0, 2) == b"II"
    assert store.stat("a.tif").size_bytes == len(store.read("a.tif"))
    store.write("new", b"1")
    assert store.listed_columns()["key"].to_pylist() == ["a.tif", "b.tif", "b.tif.aux.xml", "new"]
    assert asked(buckets) == {bucket: WAYS[bucket]}


def test_the_output_keeps_its_credentials_in_a_bucket_that_is_read_anonymously(buckets):
    config = ArchiveConfig(uri="s3://public/scenes", access="anonymous")
    assert config.query().access.of("s3://public/out") == "anonymous"
    with pytest.raises(ConfigError):
        open_store("s3://public/out").write("a", b"1")
    assert asked(buckets) == {"public": {(True, False)}}, "the output was asked without credentials"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"uri": "/scenes", "access": "anonymous"}, "access anonymous is for s3://"),
        ({"uri": "https://h/stac", "access": "requester-pays"}, "bucket_access"),
        ({"uri": "s3://b/x", "access": "anonymous", "also": [{"uri": "s3://b/y"}]}, "two accesses"),
        ({"uri": "s3://b/x", "bucket_access": {"b": "anonymous"}}, "two accesses"),
        ({"uri": "s3://b/x", "access": "free"}, "anonymous"),
        ({"uri": "s3://b/x", "bucket_access": {"c/d": "anonymous"}}, "pattern"),
    ],
)
def test_what_cannot_be_meant_is_refused(section, words):
    with pytest.raises(ValueError, match=words):
        ArchiveConfig(**section)


def test_the_archive_is_the_same_one_whatever_its_access():
    from sgddiff_batch.runs.withdrawals import archive_name

    names = {archive_name(query("s3://b/x", access).sources) for access in ("own", "anonymous")}
    assert names == {"s3://b/x"}


def list_of(folder, *entries):
    (folder / "entries.txt").write_text("\n".join(entries))
    return query(str(folder / "entries.txt"), "own")


def test_a_bucket_that_says_no_is_the_matter_of_its_own_entries(buckets):
    jobs.write_scene(buckets / "here.tif", 40, 50, 3)
    entries = ["here.tif", "s3://public/scenes/a.tif", "s3://mine/scenes/a.tif", "s3://public/scenes/b.tif"]
    listing = list_archive(list_of(buckets, *entries))
    assert [scene.scene_id for scene in listing.scenes] == ["here.tif", "mine/scenes/a.tif"]
    assert [file.path for file in listing.missing] == ["public/scenes/a.tif", "public/scenes/b.tif"]
    assert all("check the credentials and their rights" in file.reason for file in listing.missing)
    items = [make_item("a", "s3://public/scenes/a.tif"), make_item("h", "here.tif")]
    write_documents(buckets, {"items.json": {"type": "FeatureCollection", "features": items}})
    listing = list_archive(query(str(buckets / "items.json"), "own"))
    assert [scene.scene_id for scene in listing.scenes] == ["here.tif"]
    assert [file.path for file in listing.missing] == ["public/scenes/a.tif"]


def test_it_is_a_mistake_of_the_config_where_nothing_else_is_asked_for_or_the_archive_lies_there(buckets):
    with pytest.raises(ConfigError, match="check the credentials and their rights"):
        list_archive(list_of(buckets, "s3://public/scenes/a.tif", "s3://paid/scenes/b.tif"))
    (buckets / "mine" / "mixed.txt").write_text("scenes/a.tif\ns3://public/scenes/a.tif\n")
    assert len(list_archive(query("s3://mine/mixed.txt", "own")).missing) == 1
    (buckets / "here.txt").write_text("s3://mine/scenes/a.tif\ns3://public/scenes/a.tif\n")
    for uri in ("s3://public/scenes", "s3://public/scenes/a.tif", "s3://public/list.txt"):
        with pytest.raises(ConfigError):
            list_archive(query(uri, "own", also=[{"uri": str(buckets / "here.txt")}]))


class Refusing:
    """A client whose requests fail."""

    def __init__(self, refuse):
        self.loop, self._refuse = get_loop(), refuse

    async def set_session(self):
        return await S3FileSystem(anon=True).set_session()

    async def _call_s3(self, *_, **__):
        self._refuse()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDenied", ClosedBucketError),
        ("AllAccessDisabled", ClosedBucketError),
        ("ExpiredToken", ConfigError),
        ("InvalidAccessKeyId", ConfigError),
        ("InvalidBucketName", NoBucketError),
        ("NoSuchBucket", NoBucketError),
        ("SlowDown", RetryableError),
        ("InternalError", RetryableError),
    ],
)
def test_only_a_sound_no_is_a_matter_of_one_bucket(code, kind):
    def refuse():
        response = {"Error": {"Code": code, "Message": "The specified bucket does not exist"}}
        error = ClientError(response, "ListObjectsV2")
        raise translate_boto_error(error, set_cause=True)

    with pytest.raises(kind) as refusal:
        Store("bucket/x", S3Backend(Refusing(refuse))).find()
    assert type(refusal.value) is kind


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("", "https://bucket.s3.amazonaws.com"),
        ("https://host:9000", "https://host:9000/bucket"),
        ("https://me:secret@host", "https://host/bucket"),
    ],
)
def test_browsers_are_told_the_address_of_an_object_without_signature_or_login(monkeypatch, endpoint, url):
    lead_to({**CREDENTIALS, "AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL": endpoint}, monkeypatch)
    S3FileSystem.clear_instance_cache()
    assert open_store("s3://bucket/a b").web_url("c%/d") == f"{url}/a%20b/c%25/d"
    assert open_store("s3://bucket").web_url() == url
