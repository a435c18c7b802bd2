"""Where a run computes, in which precision, and how much memory it took."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tokbench.errors import UsageError

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig

CACHE_LINE = 64  # bytes; torch's own memory starts at multiples of it
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # what glibc's malloc.h calls M_TRIM_THRESHOLD, and so on


@dataclass(frozen=True)
class Machine:
    """A device, and whether the arithmetic runs under bf16 autocast (the weights stay fp32)."""

    device: torch.device
    bf16: bool

    @property
    def gpu(self) -> bool:
        """Whether the device is a GPU, where reading a number means waiting."""
        return self.device.type == "cuda"

    @property
    def precision(self) -> str:
        """The precision in a word."""
        return "bf16" if self.bf16 else "fp32"

    def autocast(self) -> AbstractContextManager[None]:
        """The context to run a model in."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16)

    def hold(self, model: nn.Module) -> None:
        """Move the model here, every weight to the start of a cache line.

        Weights read from a file lie where the file has them, and a product of matrices adds up in another
        order, and so rounds otherwise, where they start elsewhere.
        """
        model.to(self.device)
        for weight in model.parameters():
            if weight.data_ptr() % CACHE_LINE:
                weight.data = weight.data.clone()

    def random_state(self) -> dict[str, torch.Tensor]:
        """Where the random numbers stand that dropout draws."""
        state = {"cpu": torch.get_rng_state()}
        if self.gpu:
            state["gpu"] = torch.cuda.get_rng_state(self.device)
        return state

    def set_random_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on drawing from there."""
        torch.set_rng_state(state["cpu"])
        if self.gpu and "gpu" in state:
            torch.cuda.set_rng_state(state["gpu"], self.device)

    def let_go(self) -> None:
        """Give memory that nothing uses back to the GPU."""
        if self.gpu:
            torch.cuda.empty_cache()

    @contextmanager
    def keeping_memory(self) -> Iterator[None]:
        """Let a CPU's memory be used again inside, instead of given back to the system and asked for anew.

        A step makes and drops the same tensors as the step before. glibc gives the large ones back at once,
        and the system clears each page that is asked for again: a fifth of a step on short rows. What is
        free afterwards goes back. mallopt(3) says what the numbers do; other systems are left alone.
        """
        libc = None if self.gpu or platform.libc_ver()[0] != "glibc" else ctypes.CDLL(None)
        if libc:
            for name, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 2**26)):
                libc.mallopt(name, value)
        try:
            yield
        finally:
            if libc:
                libc.malloc_trim(0)

    def forget_peak(self) -> None:
        """Count the GPU's most memory from now on; a process cannot forget its own."""
        if self.gpu:
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak_memory_mb(self) -> float:
        """The most memory so far: tensors on the GPU, or the whole process."""
        if self.gpu:
            return torch.cuda.max_memory_allocated(self.device) / 2**20
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / (2**20 if sys.platform == "darwin" else 2**10)


def machine_of(config: FinetuneConfig) -> Machine:
    """The machine a config asks for; "auto" takes a GPU, and bf16 where the hardware multiplies in it."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("device is cuda, and torch sees no GPU here", fix="--device cpu, or auto")
    gpu = config.device == "cuda" or (config.device == "auto" and torch.cuda.is_available())
    if gpu and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))  # a GPU for each process
    fast = torch.cuda.is_bf16_supported() if gpu else _cpu_multiplies_bf16()
    return Machine(
        torch.device("cuda" if gpu else "cpu"), {"fp32": False, "bf16": True}.get(config.precision, fast)
    )


def _cpu_multiplies_bf16() -> bool:
    # older torch cannot say; elsewhere bf16 is emulated, and slower than fp32
    ask: Callable[[], dict[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)
    known = ask()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))
