"""The kinds of errors: each asks for one thing to be done, and all of them may come from another process."""

import inspect
import pickle
import re

import pytest

from sgddiff_batch import errors
from sgddiff_batch.errors import (
    AbsentSceneError,
    SceneError,
    SgddiffBatchError,
    UnreadableSceneError,
    UnsupportedSceneError,
    is_unforeseen,
)

ALL = [value for value in vars(errors).values() if inspect.isclass(value)]
KINDS = [error for error in ALL if error.__bases__ == (SgddiffBatchError,)]


def test_the_table_at_the_top_says_of_each_kind_what_to_do_and_of_no_other():
    rows = re.findall(r"^  (\w+Error) +\S", errors.__doc__, re.MULTILINE)
    assert sorted(rows) == sorted(kind.__name__ for kind in KINDS)


@pytest.mark.parametrize("error", ALL)
def test_an_error_is_of_one_kind_alone(error):
    kinds = [kind for kind in KINDS if issubclass(error, kind)]
    assert len(kinds) == (0 if error is SgddiffBatchError else 1)


@pytest.mark.parametrize("error", ALL)
def test_an_error_comes_out_of_another_process_as_it_was(error):
    again = pickle.loads(pickle.dumps(error("a.tif: the last strip is cut off")))
    assert (type(again), str(again)) == (error, "a.tif: the last strip is cut off")


@pytest.mark.parametrize("error", ALL)
def test_no_error_is_taken_for_one_of_the_system_or_of_python(error):
    assert not issubclass(error, OSError | ValueError | RuntimeError | ArithmeticError)


def test_whatever_is_wrong_with_a_scene_is_of_the_kind_that_quarantine_shows():
    for error in (UnreadableSceneError, AbsentSceneError, UnsupportedSceneError):
        assert issubclass(error, SceneError)
    assert issubclass(AbsentSceneError, UnreadableSceneError), "what is not there cannot be read"
    assert not issubclass(UnsupportedSceneError, UnreadableSceneError), "it is sound"


def test_what_nobody_raised_on_purpose_is_unforeseen_and_so_is_the_fault_of_a_scene_that_has_none():
    for error in (RuntimeError("a bug"), MemoryError(), SceneError("it is odd"), AbsentSceneError("gone")):
        assert is_unforeseen(error), error
    foreseen = [kind for kind in KINDS if kind is not SceneError]
    assert len(foreseen) > 5
    for error in (OSError("the disk is full"), *(kind("as told") for kind in foreseen)):
        assert not is_unforeseen(error), error
