"""A finger on Ctrl-C: a run that is told to stop at a moment of its life."""

import os
import signal


class At:
    """A progress that does something once, when a stage is told to have come so far for the n-th time."""

    def __init__(self, stage, done, act, times=1):
        self.moment, self.act, self.left = (stage, done), act, times

    def __call__(self, stage, done, total=None):
        if (stage, done) == self.moment:
            self.left -= 1
            if self.left == 0:
                self.act()


class StopsAt(At):
    """A progress that presses Ctrl-C, or sends another signal, when a training step is told of."""

    def __init__(self, step, signal=signal.SIGINT, stage="train", times=1):
        super().__init__(stage, step, lambda: os.kill(os.getpid(), signal), times)
