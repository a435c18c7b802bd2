"""A finger on Ctrl-C: a run that is told to stop at a step of its training."""

import os
import signal


class StopsAt:
    """A progress that presses Ctrl-C, or sends another signal, when a training step is told of."""

    def __init__(self, step, signal=signal.SIGINT):
        self.step, self.signal = step, signal

    def __call__(self, stage, done, total=None):
        if (stage, done) == ("train", self.step):
            os.kill(os.getpid(), self.signal)
