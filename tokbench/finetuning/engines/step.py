"""One step of training: the rows of a batch in, the weights moved; in parts where memory asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tokbench.errors import ResourceError, UsageError, plural
from tokbench.finetuning.checkpoints import memory_full
from tokbench.finetuning.data.batches import Batches, DeviceCollator, DeviceRows, in_batches
from tokbench.finetuning.engines.objective import PLAIN, Objective

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig
    from tokbench.finetuning.device import Machine
    from tokbench.finetuning.engines.distributed import Team
    from tokbench.native.ragged import Ids


class Gradients:
    """Clips a model's gradients, and spares the rows of its input embedding that a batch does not have.

    A batch has some hundred of an embedding's thirty thousand rows. Where `by_row` is set, the others are
    neither made, nor measured, nor scaled: they are zeros that stay from step to step. What the optimizer
    is given is the same whole gradient. `asks` is whether a number may be read to spare the scaling, which on
    a GPU means waiting.
    """

    def __init__(self, model: nn.Module, *, by_row: bool, asks: bool = True) -> None:
        self.asks = asks
        self.learned = [each for each in model.parameters() if each.requires_grad]
        self.words = _embedding(model) if by_row else None
        self.whole: torch.Tensor | None = None  # zeros, but for the rows of the batch
        self.rows: torch.Tensor | None = None

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """What is computed inside leaves the embedding's gradient as rows."""
        if self.words is None:
            yield
            return
        self.words.sparse = True
        try:
            yield
        finally:
            self.words.sparse = False

    def ready(self, clip: float) -> None:
        """Cut all gradients to a length together (0 cuts nothing), and make each one whole."""
        weight = self.words.weight if self.words else None
        by_row = weight.grad if weight is not None else None
        found = by_row.coalesce() if by_row is not None and by_row.is_sparse else None
        if found is not None and weight is not None:
            weight.grad = None
        given = [each.grad for each in self.learned if each.grad is not None]
        values = [] if found is None else [found.values()]
        if clip:
            clip_gradients([*given, *values], clip, asks=self.asks)
        if found is None or weight is None:
            return
        if self.whole is None:
            self.whole = torch.zeros_like(weight)
        self.rows = found.indices()[0]
        self.whole[self.rows] = values[0]
        weight.grad = self.whole

    def spent(self) -> None:
        """Forget them: the next step begins with none."""
        if self.rows is not None and self.whole is not None:
            self.whole[self.rows] = 0
            self.rows = None
        for each in self.learned:
            each.grad = None


def clip_gradients(gradients: list[torch.Tensor], longest: float, *, asks: bool) -> None:
    """Scale gradients in place to this length together, as torch's clip_grad_norm_ does."""
    length = nn.utils.get_total_norm(gradients)
    if asks and float(length) <= longest:
        return
    share = torch.clamp(longest / (length + 1e-6), max=1.0)
    torch._foreach_mul_(gradients, share)


def _embedding(model: nn.Module) -> nn.Embedding | None:
    """The input embedding, where its gradient can be had as rows."""
    ask = getattr(model, "get_input_embeddings", None)
    words = ask() if ask else None
    if not isinstance(words, nn.Embedding) or not words.weight.requires_grad:
        return None
    taken = words.max_norm is not None or words.scale_grad_by_freq or words.sparse
    return None if taken else words


@dataclass
class Stepper:
    """Computes gradients of a batch's mean loss and lets the optimizer act on them.

    `parts` is in how many the rows of a batch are computed. It doubles when memory runs out; the batch that
    the optimizer sees stays the same.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    batches: Batches
    settings: FinetuneConfig
    machine: Machine
    team: Team
    objective: Objective = PLAIN
    parts: int = 1
    notes: list[str] = field(default_factory=list)
    width: int | None = None  # what rows are padded to on a GPU; None: the longest of them
    replayed: int = 0  # steps that were replayed as CUDA graphs

    def __post_init__(self) -> None:
        self.parts = self.settings.accumulate
        self.feeder = DeviceCollator(self.batches.encoded, self.batches.model_inputs, self.machine)
        self.weight = self.objective.counts_of_rows(self.batches.encoded)
        # a GPU fills a matrix with zeros at once, and several processes exchange whole ones
        alone = self.team.size == 1
        self.gradients = Gradients(
            self.model, by_row=alone and not self.machine.gpu, asks=not self.machine.gpu
        )

    def __call__(self, rows: Ids) -> torch.Tensor:
        """Learn from these rows; their mean loss, as a tensor that nobody has waited for."""
        drawn = self.machine.random_state()
        while True:
            try:
                loss = self._gradients(rows)
                break
            except (torch.OutOfMemoryError, RuntimeError, MemoryError) as problem:
                if not is_memory(problem):
                    raise
                self._halve(problem)
                self.machine.set_random_state(drawn)
        self.team.add_gradients(self.model)
        self.finish()
        return loss

    def finish(self) -> None:
        """Clip, step, and let go of the gradients."""
        self.gradients.ready(self.settings.clip)
        self.optimizer.step()
        self.gradients.spent()

    def _gradients(self, rows: Ids) -> torch.Tensor:
        mine = self.team.share(rows)
        size = max(1, -(-self.batches.size // (self.parts * self.team.size)))
        pieces = in_batches(mine, size)
        if len(pieces) == 1 and self.team.size == 1:
            return self.backward(pieces[0])
        total = self.weight[rows].sum()
        loss = torch.zeros((), device=self.machine.device)
        for piece in pieces:
            loss += self.backward(piece, float(self.weight[piece].sum() / total))
        return self.team.sum(loss)

    def backward(self, rows: Ids, share: float | None = None) -> torch.Tensor:
        """Add the gradients of these rows' mean loss, times their share in the batch."""
        with self.machine.autocast(), self.gradients.recorded():
            loss = self.objective(self.model, self.feeder(rows, self.width))
        if share is not None:
            loss = loss * share
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _halve(self, problem: BaseException) -> None:
        self.gradients.spent()
        self.parts *= 2
        size = -(-self.batches.size // (self.parts * self.team.size))
        if self.parts >= 2 * self.batches.size:
            raise ResourceError(
                "the memory does not hold the gradients of a single row",
                fix="a lower --max-length, or a smaller model",
            ) from problem
        self.machine.let_go()
        self.notes.append(
            f"the memory ran out: batches of {self.batches.size} rows are computed "
            f"{plural(size, 'row')} at a time"
        )


def is_memory(problem: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or in the computer."""
    words = ("DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED")
    known = isinstance(problem, torch.OutOfMemoryError | MemoryError)
    return known or any(each in str(problem) for each in words)


@contextmanager
def memory_in_words() -> Iterator[None]:
    """Say in a sentence that memory ran out, whoever has run out of it."""
    try:
        yield
    except (MemoryError, RuntimeError) as problem:
        if not is_memory(problem):
            raise
        raise memory_full() from problem


def replayable(settings: FinetuneConfig, machine: Machine, team: Team) -> bool:
    """Whether steps are to be captured: on one GPU, with whole batches.

    Raises UsageError where they were asked for and cannot be.
    """
    able = machine.gpu and settings.accumulate == 1 and team.size == 1
    if settings.graphs == "on" and not able:
        raise UsageError(
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

    def recorded(self, flat: DeviceRows, numbers: torch.Tensor, width: int) -> torch.Tensor:
        """A whole step, from row numbers (B,) on the device to moved weights, that reads nothing back."""
        with self.machine.autocast():
            loss = self.objective(self.model, flat.cut(numbers, width))
        loss.backward()  # type: ignore[no-untyped-call]
        self.finish()
        return loss.detach()


def optimizer_of(
    model: nn.Module, rate: float, settings: FinetuneConfig, *, capturable: bool = False
) -> torch.optim.AdamW:
    """AdamW in one kernel over all weights; biases and norms do not decay.

    `capturable` keeps the rate and the step count on the GPU, where a replayed graph can read them.
    """
    groups = grouped_weights(model, settings.weight_decay)
    if not capturable:
        return torch.optim.AdamW(groups, lr=rate, fused=True)
    device = next(model.parameters()).device
    return torch.optim.AdamW(
        groups, lr=torch.tensor(rate, device=device, dtype=torch.float32), fused=True, capturable=True
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group this learning rate, in place where it lies on a GPU."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def share_of_rate(step: int, steps: int, warmup: float) -> float:
    """The share of the highest learning rate at a step counted from 0: up in a line, then down to near 0.

    >>> [round(share_of_rate(step, 10, 0.2), 2) for step in range(10)]
    [0.5, 1.0, 1.0, 0.88, 0.75, 0.62, 0.5, 0.38, 0.25, 0.12]
    """
    rising = round(warmup * steps)
    return (step + 1) / rising if step < rising else (steps - step) / (steps - rising)


def grouped_weights(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights that decay (matrices), and biases and norms, which do not."""
    learned = [each for each in model.parameters() if each.requires_grad]
    return [
        {"params": [each for each in learned if each.ndim > 1], "weight_decay": decay},
        {"params": [each for each in learned if each.ndim <= 1], "weight_decay": 0.0},
    ]


def rows_with_gradient(model: nn.Module, optimizer: torch.optim.Optimizer) -> NDArray[np.bool_]:
    """For each row of the input embedding, whether it ever got a gradient."""
    weight = model.get_input_embeddings().weight  # type: ignore[operator]
    squares = optimizer.state.get(weight, {}).get("exp_avg_sq")  # AdamW's memory of every gradient's square
    if squares is None:
        return np.zeros(len(weight), np.bool_)
    return np.asarray((squares.amax(dim=1) > 0).cpu().numpy())


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Everything the optimizer remembers, by the place of the weight among its weights."""
    return {
        f"{place}.{name}": value
        for place, weight in enumerate(_weights(optimizer))
        for name, value in optimizer.state.get(weight, {}).items()
    }


def restore_optimizer_state(optimizer: torch.optim.Optimizer, memory: dict[str, torch.Tensor]) -> None:
    """Give an optimizer over the same weights back what `remembered` found."""
    weights = _weights(optimizer)
    for key, value in memory.items():
        place, name = key.split(".")
        weight = weights[int(place)]
        optimizer.state[weight][name] = value.to(weight.device)


def _weights(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]
