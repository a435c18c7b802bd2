"""Kill -9 at random moments while a tokenizer and its model grow in place; run as a program.

The parent grows once, which imports all and tells how long it takes; every child is a fork that grows the
same folder again and again until it is killed, after up to five times as long. After each kill the folder
must hold one whole generation: tokenizer, weights and configs of one size.

Usage: killing.py FOLDER KILLS SEED [--large]   (FOLDER holds a tokenizer and a sharded model)
With --large the model is taken for one that is too large to be loaded: its files are written by parts.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # its threads do not survive a fork

from tokbench.adapt import grow as growing
from tokbench.io.atomic import sweep_stale


def header(file: Path) -> dict:
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        found = json.loads(stream.read(length))
        found.pop("__metadata__", None)
        end = max(entry["data_offsets"][1] for entry in found.values())
        assert stream.seek(0, os.SEEK_END) == 8 + length + end, f"{file.name} is cut"
    return found


def rows_of(folder: Path) -> set[int]:
    """The number of rows that each file of the folder speaks of; one number when it is whole."""
    config = json.loads((folder / "config.json").read_text())
    json.loads((folder / "generation_config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    ids = [*tokenizer["model"]["vocab"].values(), *(entry["id"] for entry in tokenizer["added_tokens"])]
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    tensors = {}
    for name in sorted(set(index["weight_map"].values())):
        tensors |= header(folder / name)
    assert set(tensors) == set(index["weight_map"])
    return {config["vocab_size"], max(ids) + 1, tensors["transformer.wte.weight"]["shape"][0]}


def grow(folder: Path, number: int) -> None:
    growing.add_tokens(folder, output=folder, special=[f"[E{number}]"], model=folder, force=True)


def grow_for_ever(folder: Path, number: int) -> None:
    while True:
        number += 1
        grow(folder, number)


def main(folder: Path, kills: int, chance: random.Random) -> None:
    grow(folder, 0)  # which imports what a child would have to
    start = time.perf_counter()
    grow(folder, 1)
    once = time.perf_counter() - start
    [rows] = rows_of(folder)
    seen = {rows}
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            try:
                grow_for_ever(folder, rows)
            finally:
                os._exit(1)
        time.sleep(chance.uniform(0.0, 5 * once))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the child ended by itself"
        found = rows_of(folder)
        assert len(found) == 1, f"mixed: {found}"
        [rows] = found
        seen.add(rows)
    left = sum(1 for entry in folder.parent.iterdir() if entry != folder)
    sweep_stale(folder)
    swept = sum(1 for entry in folder.parent.iterdir() if entry != folder)
    told = {"kills": kills, "generations": len(seen), "left": left, "after_sweep": swept, "once": once}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    if sys.argv[4:] == ["--large"]:
        growing.TRIED = 0
    main(Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3])))
