"""Errors, sorted by what the caller can do about them.

SgddiffBatchError
  RetryableError    try again: a time-out, a throttled store, a lost worker
  ChangedSceneError leave the scene to the next run, which lists it anew
  StuckError        leave the scene to the next run; trying at once would take as long again
  LostClaimError    drop what was made: another worker has the mosaic now
  SceneError        put the scene into quarantine and go on with the others
  ConfigError       mend the config or the command (exit code 2)
  FatalError        stop: going on would lose or damage data
  LeaseHeldError    wait until the run that is at work on the output has ended
"""


class SgddiffBatchError(Exception):
    """Base of every error that this package raises on purpose."""


class RetryableError(SgddiffBatchError):
    """The same call may succeed when it is made again."""


class ChangedSceneError(SgddiffBatchError):
    """The scene is not the one that was listed any more, or is gone; what was read of it must not be used."""


class StuckError(SgddiffBatchError):
    """A call did not end in time. It may be running still."""


class LostClaimError(SgddiffBatchError):
    """Another worker took the mosaic over meanwhile; nothing of it may be committed or removed here."""


class SceneError(SgddiffBatchError):
    """This scene cannot be worked on; the message is the reason that the report and the quarantine show."""


class UnreadableSceneError(SceneError):
    """The file cannot be opened, or a read of its pixels fails: corrupt, truncated, not a raster."""


class AbsentSceneError(UnreadableSceneError):
    """There is no such file or object."""


class UnsupportedSceneError(SceneError):
    """The file is sound, but holds what is no imagery for the network: complex samples, absurd sizes."""


class ConfigError(SgddiffBatchError):
    """The config or the command is wrong; the message names the key, what was found and what is allowed."""


class FatalError(SgddiffBatchError):
    """Going on would lose or damage data; the run stops and the message says why."""


class LeaseHeldError(SgddiffBatchError):
    """Another run is at work on the output; the message is one line for its operator."""


def is_unforeseen(error: Exception) -> bool:
    """Say whether nobody raised an error to be acted upon: a mistake of ours, no memory, a library's own.

    One of a scene counts as such where the scene is at no fault: once its mosaic is complete.
    """
    return isinstance(error, SceneError) or not isinstance(error, SgddiffBatchError | OSError)
