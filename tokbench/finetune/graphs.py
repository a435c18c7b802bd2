"""Whole training steps as CUDA graphs: one launch instead of a thousand, where rows are short.

A step of a BERT on short rows computes for less time than Python needs to launch it. Rows are padded to a
multiple of 8, so a task has a dozen shapes; each is run once as it is, then captured, then replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from tokbench.errors import AskedWrongly
from tokbench.finetune.encoding import Ids
from tokbench.finetune.feeding import Flat
from tokbench.finetune.machine import Machine
from tokbench.finetune.settings import Settings
from tokbench.finetune.stepping import Stepper
from tokbench.finetune.team import Team


def replayable(settings: Settings, machine: Machine, team: Team) -> bool:
    """Whether steps are to be captured: on one GPU, with whole batches.

    Raises AskedWrongly where they were asked for and cannot be.
    """
    able = machine.gpu and settings.accumulate == 1 and team.size == 1
    if settings.graphs == "on" and not able:
        raise AskedWrongly(
            "graphs=on needs one process on a GPU, and accumulate=1", fix="leave --set graphs=on out"
        )
    return able and settings.graphs != "off"


@dataclass
class Captured:
    """A graph, the row numbers it reads and the loss it leaves."""

    graph: torch.cuda.CUDAGraph
    rows: torch.Tensor
    loss: torch.Tensor


@dataclass
class GraphStepper(Stepper):
    """A stepper that replays steps of a shape it has met before; others it computes like its parent."""

    captured: dict[int, Captured] = field(default_factory=dict)
    met: set[int] = field(default_factory=set)
    capturing: bool = True

    def __call__(self, rows: Ids) -> torch.Tensor:
        """Learn from these rows; their mean loss."""
        width = self.batches.replayed_width(rows)
        if not self.capturing or self.parts > 1 or width is None:
            return super().__call__(rows)
        if width not in self.met:  # the first time makes what a capture may not make: workspaces, states
            self.met.add(width)
            return self._beside(rows, width)
        if width not in self.captured and not self._capture(rows, width):
            return super().__call__(rows)
        found = self.captured[width]
        assert self.feeder.flat is not None
        found.rows.copy_(self.feeder.flat.numbers(rows), non_blocking=True)
        found.graph.replay()
        self.replayed += 1
        return found.loss.clone()

    def _beside(self, rows: Ids, width: int) -> torch.Tensor:
        """A plain step of this width on a stream of its own, as captures want the one before them."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self.width = width  # the kernels of this very shape are to be loaded
            try:
                loss = super().__call__(rows)
            finally:
                self.width = None
        torch.cuda.current_stream().wait_stream(stream)
        return loss

    def _capture(self, rows: Ids, width: int) -> bool:
        """Record a step of this width; False where the model does something that cannot be recorded."""
        flat = self.feeder.flat
        assert flat is not None
        numbers = flat.numbers(rows)
        graph = torch.cuda.CUDAGraph()
        pool = next(iter(self.captured.values())).graph.pool() if self.captured else None
        torch.cuda.synchronize()
        try:
            with torch.cuda.graph(graph, pool=pool):
                kept = self.recorded(flat, numbers, width)
        except RuntimeError as problem:
            self.capturing = False
            self.gradients.spent()
            self.notes.append(f"steps are not replayed as graphs: {str(problem).splitlines()[0][:120]}")
            return False
        self.captured[width] = Captured(graph, numbers, kept)
        return True

    def recorded(self, flat: Flat, numbers: torch.Tensor, width: int) -> torch.Tensor:
        """A whole step, from row numbers (B,) on the device to moved weights, that reads nothing back."""
        with self.machine.autocast():
            loss: torch.Tensor = self.model(**flat.cut(numbers, width)).loss
        loss.backward()  # type: ignore[no-untyped-call]
        self.finish()
        return loss.detach()
