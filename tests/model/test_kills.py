import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tokbench.io.quiet import quiet


def killed(folder: Path, kills: int, *words: str) -> dict:
    """Kill a growing process that often; what the folder went through."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("killing.py"), folder, str(kills), "7", *words],
        capture_output=True,
        text=True,
        # a cache of its own: what the parent has to ask and import, no child has to
        env={**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder.parents[1] / "cache")},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.fixture
def pair(build, tokenizer_folder, tmp_path):
    """A folder that holds a tokenizer and the shards of its model."""
    path = tmp_path / "grown" / "pair"
    with quiet():
        build("GPT2LMHeadModel").save_pretrained(path, max_shard_size="8KB")
    assert (path / "model.safetensors.index.json").exists()
    for file in tokenizer_folder.path.iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    return path


@pytest.mark.parametrize("words", [(), ("--large",)])
@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_at_any_moment_of_growing_the_folder_is_whole(pair, kills, words):
    told = killed(pair, kills, *words)
    assert told["kills"] == kills
    assert told["generations"] > kills // 4  # growing went on between the kills
    assert told["after_sweep"] == 0
