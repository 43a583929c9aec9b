"""Where a training keeps itself: whole objects under names."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from models.storage import Below, FolderStorage


def test_a_storage_gives_back_what_was_written_and_none_for_what_was_not(tmp_path):
    storage = FolderStorage(tmp_path / "run")
    assert storage.read("a/b") is None
    storage.delete("a/b")
    storage.write("a/b", b"one")
    storage.write("a/b", b"two")
    assert Below(storage, "a").read("b") == b"two"
    Below(storage, "a").write("c", b"three")
    assert storage.read("a/c") == b"three"
    assert sorted(path.name for path in (tmp_path / "run" / "a").iterdir()) == ["b", "c"]
    Below(storage, "a").delete("b")
    assert storage.read("a/b") is None


NAMES = st.text("abc", min_size=1, max_size=3)


class Kept(dict):
    """A storage in memory."""

    read = dict.get
    write = dict.__setitem__

    def delete(self, name):
        self.pop(name, None)


@given(prefixes=st.lists(NAMES, min_size=1, max_size=3), name=NAMES, data=st.binary(max_size=8))
def test_a_storage_below_prefixes_is_the_part_of_the_whole_under_them(prefixes, name, data):
    kept = Kept(untouched=b"x")
    part = kept
    for prefix in prefixes:
        part = Below(part, prefix)
    part.write(name, data)
    assert kept == {"untouched": b"x", "/".join([*prefixes, name]): data}
    assert part.read(name) == data
    part.delete(name)
    assert kept == {"untouched": b"x"}


def test_an_object_is_replaced_and_not_written_over(tmp_path):
    storage = FolderStorage(tmp_path)
    storage.write("state", b"the old object")
    (tmp_path / "held").hardlink_to(tmp_path / "state")
    storage.write("state", b"new")
    assert (tmp_path / "held").read_bytes() == b"the old object"
    assert storage.read("state") == b"new"


def test_a_reader_never_sees_half_an_object(tmp_path):
    storage, stop = FolderStorage(tmp_path), threading.Event()
    objects = [bytes([kind]) * 500_000 for kind in (1, 2)]
    storage.write("state", objects[0])

    def write():
        for number in range(20):
            storage.write("state", objects[number % 2])
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = {storage.read("state")}
    while not stop.is_set():
        seen.add(storage.read("state"))
    writer.join()
    assert seen <= {*objects}


def test_what_a_killed_process_left_beside_an_object_is_not_the_object(tmp_path):
    (tmp_path / ".state.1234").write_bytes(b"half of")
    storage = FolderStorage(tmp_path)
    assert storage.read("state") is None
    storage.write("state", b"whole")
    assert storage.read("state") == b"whole"


def test_deleting_leaves_the_objects_beside_it(tmp_path):
    storage = FolderStorage(tmp_path)
    storage.write("best/model", b"1")
    storage.write("best/facts", b"2")
    storage.delete("best/model")
    assert (storage.read("best/model"), storage.read("best/facts")) == (None, b"2")
