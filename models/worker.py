"""Where a training runs: which worker of how many this is, on what device, in what precision."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed

from .config import ConfigError

PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True, slots=True)
class TrainingWorker:
    """One worker of a training. `accumulate`: into how many parts it cuts its share of a batch.

    Neither the number of workers nor of parts changes what is learnt, but for the order of sums.
    """

    rank: int = 0
    workers: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: str = "fp32"
    accumulate: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.workers:
            raise ConfigError(f"rank must lie in 0..{self.workers - 1}, found {self.rank}")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}, found {self.precision!r}")
        if self.accumulate < 1:
            raise ConfigError(f"accumulate must be at least 1, found {self.accumulate}")

    @property
    def is_first(self) -> bool:
        """Whether this worker is the one that writes and reports."""
        return self.rank == 0

    def parts(self, batch: int) -> list[range]:
        """This worker's places in a global batch, cut into equal parts.

        Raises ConfigError where `batch` cannot be cut evenly: pictures would weigh unequally.
        """
        cuts = self.workers * self.accumulate
        if batch % cuts or batch < cuts:
            raise ConfigError(
                f"a batch of {batch} cannot be shared evenly by {self.workers} workers in {self.accumulate} "
                f"parts each; make it a multiple of {cuts}"
            )
        size = batch // cuts
        first = self.rank * self.accumulate * size
        return [range(first + k * size, first + (k + 1) * size) for k in range(self.accumulate)]

    def autocast(self) -> AbstractContextManager[object]:
        """bfloat16 where it is safe, or nothing."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """The mean of all workers' values, on every worker."""
        summed = self.sum(np.array(list(values.values())))
        return dict(zip(values, (summed / self.workers).tolist(), strict=True))

    def sum(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of all workers' vectors of one length, on every worker."""
        if self.workers == 1:
            return vector
        shared = torch.from_numpy(vector.astype(np.float64)).to(self.device)
        distributed.all_reduce(shared)
        total: NDArray[np.float64] = shared.cpu().numpy()
        return total
