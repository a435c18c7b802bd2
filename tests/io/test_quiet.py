"""Other libraries are silent inside, and speak afterwards as they did before."""

import logging
import os
import subprocess
import sys

import pytest

from tokbench.io.quiet import quiet, quiet_datasets, quiet_hub

FIRST = """
import os, sys
from tokbench.io.quiet import quiet

assert "transformers" not in sys.modules
with quiet(stdout=False):
    from transformers.utils import logging
    assert logging.get_verbosity() == logging.ERROR
    os.write(1, b"heard")
print(logging.get_verbosity() == logging.WARNING, "TRANSFORMERS_VERBOSITY" in os.environ)
"""


def test_the_first_import_is_silent_and_leaves_the_usual_verbosity():
    env = {name: value for name, value in os.environ.items() if name != "TRANSFORMERS_VERBOSITY"}
    done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=True, env=env)
    assert (done.stdout, done.stderr) == ("True False\n", "")


def test_transformers_speaks_afterwards_as_before_also_when_nested():
    from transformers.utils import logging as settings

    before = settings.get_verbosity(), settings.is_progress_bar_enabled()
    with quiet():
        with quiet(stdout=False):
            pass
        assert (settings.get_verbosity(), settings.is_progress_bar_enabled()) == (logging.ERROR, False)
    assert (settings.get_verbosity(), settings.is_progress_bar_enabled()) == before


def test_the_hub_speaks_afterwards_as_before():
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled

    logger = logging.getLogger("huggingface_hub")
    before = logger.level, are_progress_bars_disabled()
    with quiet_hub():
        assert (logger.level, are_progress_bars_disabled()) == (logging.ERROR, True)
    assert (logger.level, are_progress_bars_disabled()) == before


def test_datasets_look_into_their_cache_alone_only_when_told_to():
    datasets = pytest.importorskip("datasets")
    before = datasets.config.HF_HUB_OFFLINE, datasets.logging.get_verbosity()
    with quiet_datasets():
        assert datasets.are_progress_bars_disabled()
        assert before[0] == datasets.config.HF_HUB_OFFLINE
    with quiet_datasets(offline=True):
        assert datasets.config.HF_HUB_OFFLINE is True
        assert datasets.logging.get_verbosity() == logging.ERROR
    assert (datasets.config.HF_HUB_OFFLINE, datasets.logging.get_verbosity()) == before


def test_what_python_prints_inside_stays_off_stdout_and_what_came_before_does_not():
    code = (
        "from tokbench.io.quiet import quiet\nprint('before')\n"
        "with quiet(stdout=False):\n    print('inside')\nprint('after')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "before\nafter\n"
