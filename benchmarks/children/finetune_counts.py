"""What a model was really given, counted from outside the loop: tokens with padding, graphs, replays."""

# ruff: noqa: ANN401  torch's own classes are taken hold of

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass
class Counts:
    """Steps and tokens of one training."""

    plain: int = 0  # forward passes that Python launched one operation at a time
    captured: int = 0  # graphs recorded
    replayed: int = 0  # steps that were one launch
    capturing: float = 0.0  # seconds spent recording
    tokens: int = 0  # given to the model, padding included
    widths: dict[int, int] = field(default_factory=dict)  # tokens a row → passes

    def given(self, shape: tuple[int, int]) -> None:
        """A batch of rows of this many tokens went through the model."""
        rows, width = shape
        self.tokens += rows * width
        self.widths[width] = self.widths.get(width, 0) + 1

    def sentence(self) -> str:
        """All of it, for people."""
        widths = sorted(self.widths)
        return (
            f"{self.replayed:,} steps replayed, {self.captured} graphs captured in {self.capturing:.2f} s, "
            f"{self.plain:,} passes launched one operation at a time; {self.tokens:,} tokens computed, in "
            f"{len(widths)} widths from {widths[0]} to {widths[-1]}"
        )


@contextmanager
def counted(model: Any) -> Iterator[Counts]:
    """Count what `model` computes inside; a number or two a step, and nothing that waits for a GPU."""
    counts, gpu = Counts(), torch.cuda.is_available()
    seen: list[tuple[int, int]] = []  # the shape that is being recorded

    def look(_: Any, __: Any, words: dict[str, Any]) -> None:
        shape = tuple(words["input_ids"].shape)
        if gpu and torch.cuda.is_current_stream_capturing():
            seen.append(shape)
        else:
            counts.plain += 1
            counts.given(shape)

    hook = model.register_forward_pre_hook(look, with_kwargs=True)
    try:
        with _graphs(counts, seen) if gpu else _nothing():
            yield counts
    finally:
        hook.remove()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _graphs(counts: Counts, seen: list[tuple[int, int]]) -> Iterator[None]:
    """Stand between the program and torch's graphs."""
    context, kind = torch.cuda.graph, torch.cuda.CUDAGraph
    enter, leave, replay = context.__enter__, context.__exit__, kind.replay
    shapes: dict[int, tuple[int, int]] = {}
    begun = 0.0

    def entered(self: Any) -> Any:
        nonlocal begun
        begun = time.perf_counter()
        seen.clear()
        return enter(self)

    def left(self: Any, *problem: Any) -> Any:
        try:
            return leave(self, *problem)
        finally:
            counts.capturing += time.perf_counter() - begun
            if problem[0] is None and seen:
                counts.captured += 1
                shapes[id(self.cuda_graph)] = seen[-1]

    def replayed(self: Any) -> Any:
        if id(self) in shapes:
            counts.replayed += 1
            counts.given(shapes[id(self)])
        return replay(self)

    context.__enter__, context.__exit__, kind.replay = entered, left, replayed
    try:
        yield
    finally:
        context.__enter__, context.__exit__, kind.replay = enter, leave, replay
