"""Several networks trained side by side from one stream of crops, each step of each one a CUDA graph.

Crops are made once a step on the device and go to all networks, so that they differ in nothing but what is
compared, and nothing waits for the device but a log line. On a CUDA device each network has a stream of its
own, and its whole step (loss, gradient, clipping, AdamW) is captured once and replayed; elsewhere, and where
a capture fails, the same step runs as it is written.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from .crops import CropSettings
from .device_crops import DevicePictures, Sheet, draw_sheet, make_crops
from .training import TrainSettings, learning_rate, optimiser_groups

log = logging.getLogger(__name__)

WARM_UP = 3
AHEAD = 6

Loss = Callable[["Batch"], Tensor]
"""The loss of a batch, differentiable, without a copy to or from the host."""


@dataclass(eq=False)
class Batch:
    """What all networks of a step are given; the tensors stay where they are, so that graphs may read them.

    pixels (B, 3, S, S) in 0..255, mask (B, 1, S, S) of 0 and 1; hints: what teachers say, by name.
    """

    pixels: Tensor
    mask: Tensor
    hints: dict[str, Tensor] = field(default_factory=dict)


class Lane:
    """One network, its loss, optimiser, moving average and stream."""

    def __init__(
        self,
        name: str,
        network: nn.Module,
        loss: Loss,
        settings: TrainSettings,
        extra: Sequence[nn.Parameter] = (),
    ) -> None:
        self.name, self.network, self.loss, self.settings = name, network.train(), loss, settings
        self.device = next(network.parameters()).device
        self.average = copy.deepcopy(network).requires_grad_(False).eval()
        groups = optimiser_groups(network, settings)
        if extra:
            groups.append({"params": list(extra), "weight_decay": settings.decay, "share": 1.0})
        # The rate is a tensor, so that a captured step reads it anew.
        for group in groups:
            group["lr"] = torch.zeros((), device=self.device)
        cuda = self.device.type == "cuda"
        self.optimiser = torch.optim.AdamW(groups, betas=settings.betas, fused=True, capturable=cuda)
        self.trained = [p for group in self.optimiser.param_groups for p in group["params"]]
        # Read by the fused step: where it is 1 the step is left out.
        self.optimiser.found_inf = torch.zeros((), device=self.device)  # type: ignore[attr-defined]
        self.loss_sum, self.skipped = (torch.zeros((), device=self.device) for _ in range(2))
        self.stream = torch.cuda.Stream(self.device) if cuda else None  # type: ignore[no-untyped-call]
        self.graph: torch.cuda.CUDAGraph | None = None

    def prepare(self, batch: Batch) -> None:
        """Capture the step, if there is a stream for it; leaves weights and moments as they are."""
        if self.stream is None:
            return
        with torch.cuda.stream(self.stream):
            for _ in range(WARM_UP):
                self._update(batch)
        torch.cuda.synchronize(self.device)
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self.stream):
                self._update(batch)
            self.graph = graph
        except RuntimeError as error:
            torch.cuda.synchronize(self.device)
            log.warning("%s: runs without a graph: %s", self.name, str(error).splitlines()[0])
        self._forget()

    def step(self, batch: Batch, number: int) -> None:
        """One update of the weights and of their average; asks nothing of the device."""
        with self.on_stream():
            rate = learning_rate(number, self.settings)
            for group in self.optimiser.param_groups:
                group["lr"].fill_(rate * group["share"])
            if self.graph is None:
                self._update(batch)
            else:
                self.graph.replay()
            keep = min(self.settings.ema, (1 + number) / (10 + number))
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(self.average.parameters()), list(self.network.parameters()), 1 - keep
                )

    def on_stream(self) -> AbstractContextManager[object]:
        """The lane's stream as the current one."""
        return nullcontext() if self.stream is None else torch.cuda.stream(self.stream)

    def _update(self, batch: Batch) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        half = self.device.type == "cuda"
        # A cached half-precision copy of a weight would be frozen into the graph.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half, cache_enabled=False):
            loss = self.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.trained, self.settings.clip)
        found: Tensor = self.optimiser.found_inf  # type: ignore[attr-defined]
        found.copy_(1 - torch.isfinite(norm).float())
        self.optimiser.step()
        with torch.no_grad():
            self.skipped.add_(found)
            self.loss_sum.add_(torch.nan_to_num(loss.detach().float()))

    def _forget(self) -> None:
        for state in self.optimiser.state.values():
            for value in state.values():
                value.zero_()
        self.loss_sum.zero_()
        self.skipped.zero_()


class Abreast:
    """The lanes, the pictures and the crops that they share; `teach` fills a batch's hints."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        pictures: DevicePictures,
        crops: CropSettings,
        batch: int,
        seed: int,
        teach: Callable[[Batch], Mapping[str, Tensor]] | None = None,
    ) -> None:
        self.lanes, self.pictures, self.crops, self.size = lanes, pictures, crops, batch
        self.seed, self.teach = seed, teach
        self.device = pictures.words.device
        pixels, mask = make_crops(pictures, self._draw(0))
        self.batch = Batch(pixels.contiguous(memory_format=torch.channels_last), mask)
        self._hint()
        for lane in lanes:
            began = time.perf_counter()
            lane.prepare(self.batch)
            log.info("%s is ready after %.1f s", lane.name, time.perf_counter() - began)

    def run(self, steps: Callable[[int, float], int], log_every: int = 50) -> int:
        """Train all lanes; `steps(taken, seconds)` says, before each log line, how many there are in all.

        So a training can be given seconds and not steps: the rate falls to 0 wherever the end then lies.
        """
        self._wait()
        began, taken, logged, left = time.perf_counter(), 0, 0, log_every
        with ThreadPoolExecutor(2) as pool:
            for sheet in self._ahead(pool):
                self._step(sheet, taken)
                taken, left = taken + 1, left - 1
                if left:
                    continue
                self._wait()
                seconds = time.perf_counter() - began
                total = steps(taken, seconds)
                for lane in self.lanes:
                    lane.settings = replace(lane.settings, steps=total)
                self._report(taken, total, seconds, taken - logged)
                logged = taken
                if taken >= total:
                    return taken
                left = min(log_every, total - taken)
        return taken

    def _step(self, sheet: Sheet, number: int) -> None:
        pixels, mask = make_crops(self.pictures, sheet)
        self._join(main_waits=True)
        self.batch.pixels.copy_(pixels)
        self.batch.mask.copy_(mask)
        self._hint()
        self._join(main_waits=False)
        for lane in self.lanes:
            lane.step(self.batch, number)

    def _hint(self) -> None:
        if self.teach is None:
            return
        for name, hint in self.teach(self.batch).items():
            if name in self.batch.hints:
                self.batch.hints[name].copy_(hint)
            else:
                self.batch.hints[name] = hint.clone()

    def _join(self, main_waits: bool) -> None:
        """Order the lanes' streams against the main one: a batch is read before the next is written."""
        for lane in self.lanes:
            if lane.stream is None:
                continue
            current = torch.cuda.current_stream(self.device)
            first, second = (lane.stream, current) if main_waits else (current, lane.stream)
            second.wait_stream(first)

    def _ahead(self, pool: ThreadPoolExecutor) -> Iterator[Sheet]:
        waiting: list[Future[Sheet]] = [pool.submit(self._draw, step) for step in range(AHEAD)]
        step = AHEAD
        while True:
            yield waiting.pop(0).result()
            waiting.append(pool.submit(self._draw, step))
            step += 1

    def _draw(self, step: int) -> Sheet:
        return draw_sheet(self.pictures, self.size, self.crops, self.seed, step)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _report(self, taken: int, total: int, seconds: float, every: int) -> None:
        losses = " ".join(f"{lane.name} {float(lane.loss_sum) / every:.3f}" for lane in self.lanes)
        skipped = sum(float(lane.skipped) for lane in self.lanes)
        for lane in self.lanes:
            lane.loss_sum.zero_()
        log.info(
            "step %d/%d %.1f s, %.0f crops/s a network, skipped %.0f: %s",
            *(taken, total, seconds, taken * self.size / seconds, skipped, losses),
        )
