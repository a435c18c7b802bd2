"""Ctrl-C and SIGTERM while a model is trained: heard at once, obeyed where a run can be resumed."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch import nn

from tokbench.progress import event

if TYPE_CHECKING:
    import torch

    from tokbench.progress import Progress

SIGNALS = (signal.SIGINT, signal.SIGTERM)  # a cluster takes a machine back by the second
STOPPING = "stopping after this step; Ctrl-C again stops at once"


class EvaluationStoppedError(Exception):
    """An evaluation was left because the run shall stop; what it would have told is not known."""


@contextlib.contextmanager
def interruptible(asked: list[int], model: nn.Module, progress: Progress) -> Iterator[None]:
    """Ctrl-C puts its number into `asked`, so that a step can be finished; a second one ends at once.

    The first is answered by a thread, which no long computation holds up. The second reaches a backward pass
    through hooks of the model's weights, where Python is asked. What comes after the last time that `asked`
    was looked at is KeyboardInterrupt at the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, _: object) -> None:
        if asked or len(heard) > 1:  # Python calls this once for two that came during one operation
            raise KeyboardInterrupt
        asked.append(number)

    with _heard(progress) as heard, _reachable(model):
        old = {number: signal.signal(number, ask) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)
    if asked:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _heard(progress: Progress) -> Iterator[list[int]]:
    """What came so far; a thread says when the first comes, since the handler waits for what is computed."""
    heard: list[int] = []
    receiver, sender = socket.socketpair()
    sender.setblocking(False)

    def listen() -> None:
        while numbers := receiver.recv(1):
            if numbers[0] in SIGNALS:
                heard.append(numbers[0])
                if len(heard) == 1:
                    event(progress, STOPPING)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    try:
        yield heard
    finally:
        signal.set_wakeup_fd(before)
        sender.close()
        thread.join()
        receiver.close()


@contextlib.contextmanager
def _reachable(model: nn.Module) -> Iterator[None]:
    """Let a backward pass on the CPU come by Python at every matrix, which is where signals are handled."""

    def come_by(_: torch.Tensor) -> None:
        """Change nothing."""

    weights = [each for each in model.parameters() if each.requires_grad and each.ndim > 1]
    here = [each for each in weights if each.device.type == "cpu"]
    hooks = [each.register_hook(come_by) for each in here]  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
