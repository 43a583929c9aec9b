"""Conditional writes: whose write won is known, also where replies are lost, and others write meanwhile."""

import pytest

from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.storage.backend import Versioned
from sgddiff_batch.io.storage.conditional_writes import settled
from sgddiff_batch.io.storage.errors import ConflictError, RefusedError

MINE, OTHERS = Versioned(b"mine", "v-mine"), Versioned(b"another's", "v-other")
OLD = Versioned(b"old", "v-old")


class Script:
    """An object that answers each put as told: an error, or None where it is done; counts the tries."""

    def __init__(self, *answers, holds=None):
        self.answers, self.holds, self.tries = list(answers), holds, 0
        self.waits = []

    def put(self):
        self.tries += 1
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer
        self.holds = MINE
        return MINE.version

    def read(self):
        if self.holds is None:
            raise FileNotFoundError
        return self.holds

    def settle(self, version=None):
        return settled(self.put, self.read, MINE.data, version, self.waits.append)


def test_a_write_that_is_done_is_not_read_back():
    script = Script(None)
    script.read = lambda: pytest.fail("it was read")
    assert script.settle() == MINE.version
    assert script.waits == []


@pytest.mark.parametrize("doubt", [RefusedError(), ConflictError(), RetryableError("no reply")])
def test_a_write_whose_reply_was_lost_is_known_again_by_its_data(doubt):
    script = Script(doubt, holds=MINE)
    assert script.settle() == MINE.version
    assert (script.tries, script.waits) == (1, [])


@pytest.mark.parametrize("doubt", [RefusedError(), ConflictError(), RetryableError("no reply")])
@pytest.mark.parametrize(("holds", "version"), [(OTHERS, None), (OTHERS, OLD.version), (None, OLD.version)])
def test_a_write_that_another_was_quicker_than_has_lost_at_once(doubt, holds, version):
    script = Script(doubt, holds=holds)
    assert script.settle(version) is None
    assert (script.tries, script.waits) == (1, [])


@pytest.mark.parametrize("doubt", [RefusedError(), ConflictError()])
@pytest.mark.parametrize(("holds", "version"), [(None, None), (OLD, OLD.version)])
def test_a_refusal_of_an_object_that_nobody_changed_is_asked_again_after_a_pause(doubt, holds, version):
    script = Script(doubt, doubt, None, holds=holds)
    assert script.settle(version) == MINE.version
    assert script.tries == 3
    assert 0 < script.waits[0] < script.waits[1]


def test_a_store_that_fails_and_has_done_nothing_is_told_without_another_try():
    failure = RetryableError("503")
    script = Script(failure, holds=OLD)
    with pytest.raises(RetryableError) as told:
        script.settle(OLD.version)
    assert told.value is failure
    assert (script.tries, script.waits) == (1, [])


def test_refusals_without_end_end():
    script = Script(*[ConflictError()] * 9)
    with pytest.raises(RetryableError, match="again and again, and the object is unchanged"):
        script.settle()
    assert script.tries == 4
    assert sum(script.waits) < 5


def test_what_no_try_can_mend_passes():
    with pytest.raises(ConfigError, match="no locks"):
        Script(ConfigError("no locks")).settle()
