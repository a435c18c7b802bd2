"""transformers 4 as the one who proves: it lives in an environment of its own, and is asked line by line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tokbench.errors import NegativeResultError
from tokbench.formats.oracles import NoOracle
from tokbench.formats.portable import Oracle

PYTHON = "TOKBENCH_TRANSFORMERS4"  # the environment variable that names its Python
INSTALL = (
    "python3 -m venv older && older/bin/pip install 'transformers==4.57.6' && "
    f"export {PYTHON}=$PWD/older/bin/python"
)
WORKER = """
import json, sys
import transformers
try:
    tok = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
except Exception as error:
    print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
    raise SystemExit
print(json.dumps({"version": transformers.__version__}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(tok(asked["text"])["input_ids"] if "text" in asked
                     else tok.convert_tokens_to_ids(asked["token"])), flush=True)
"""


def transformers4_oracle(folder: Path) -> Oracle | NoOracle:
    """What AutoTokenizer of transformers 4 makes of texts as it is called, special tokens and all.

    Raises NegativeResultError where it cannot load the folder.
    """
    python = os.environ.get(PYTHON, "")
    if not python:
        return NoOracle(f"{PYTHON} names no Python that has transformers 4", INSTALL)
    words = [python, "-c", WORKER, str(folder)]
    try:
        worker = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            encoding="utf-8", env={**os.environ, "PYTHONPATH": ""},
        )  # fmt: skip
    except OSError:
        return NoOracle(f"{PYTHON} names no Python that starts: {python}", INSTALL)
    assert worker.stdin is not None
    assert worker.stdout is not None
    asked, answers = worker.stdin, worker.stdout

    def close() -> None:
        with worker:
            asked.close()

    def ask(**question: str) -> list[int]:
        asked.write(json.dumps(question) + "\n")
        asked.flush()
        found: list[int] = json.loads(answers.readline())
        return found

    said = json.loads(answers.readline() or '{"error": "it ended"}')
    if "error" in said:
        close()
        raise NegativeResultError(f"transformers 4 cannot load what was written: {said['error']}",
                                  fix=f"see whether {python} has transformers 4.57")  # fmt: skip
    return Oracle(f"transformers {said['version']}", lambda text: ask(text=text), whole=True, close=close)
