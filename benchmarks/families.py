"""Every family of transformers that reads tokens, small and random: found sound, and grown soundly or not.

Run: OMP_NUM_THREADS=1 python benchmarks/families.py [MODEL_TYPE ...] (or make families)
Each is saved by transformers itself with a tokenizer that fits. Then `check` must find no error, and
`add-tokens` must give a model whose contract holds (model/contract.py), or refuse in a sentence with a
reason. Prints a Markdown table, says which could not be built, and exits 1 where one of these is not so.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).parent))

import tiny_models
import torch

from tokbench.adapt.grow import Growth, add_tokens
from tokbench.checks.run import check
from tokbench.errors import TokbenchError

SECONDS = 120  # for one family
GROWN, REFUSED, BROKEN, NOT_BUILT = "grown", "refused", "BROKEN", "not built"


class TooLongError(BaseException):
    """A family took its time; nothing on the way catches this."""


@dataclass(frozen=True)
class Outcome:
    """What became of one family: how it ended, why, and the errors that check found in it as it was saved."""

    kind: str
    name: str
    ended: str
    why: str
    errors: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with tokbench here."""
        return not self.errors and self.ended != BROKEN


def main(kinds: Sequence[str]) -> int:
    """Print the table."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGALRM, _too_long)
    print("| model type | class | add-tokens | what was shown, or why not | errors of check as saved |")
    print("|---|---|---|---|---|")
    outcomes = []
    for kind in kinds or tiny_models.families():
        outcomes.append(tried(kind))
        each = outcomes[-1]
        print(
            f"| {each.kind} | {each.name} | {each.ended} | {each.why} | {'; '.join(each.errors)} |",
            flush=True,
        )
    counts = Counter(each.ended for each in outcomes)
    print(f"\n{len(outcomes)} families: {', '.join(f'{number} {ended}' for ended, number in counts.items())}")
    print(f"errors of check as saved: {sum(bool(each.errors) for each in outcomes)}")
    return 0 if all(each.sound for each in outcomes) else 1


def tried(kind: str) -> Outcome:
    """Build, check and grow one family."""
    signal.alarm(SECONDS)
    try:
        with tempfile.TemporaryDirectory() as place:
            return _tried(kind, Path(place))
    except TooLongError:
        return Outcome(kind, "", BROKEN, f"not done in {SECONDS} s")
    finally:
        signal.alarm(0)


def _tried(kind: str, place: Path) -> Outcome:
    try:
        name = tiny_models.saved(kind, place / "old", tokenizer=place / "tok")
    except Exception as error:  # whatever a class raises over a config
        return Outcome(kind, tiny_models.families()[kind][0], NOT_BUILT, _line(error))
    errors: tuple[str, ...] = ()
    try:
        found = check(place / "tok", place / "old").findings
        errors = tuple(f"{each.code} {each.message}" for each in found if each.severity == "error")
        new = (["hospital", "foxes19"], ["[E1]", "[/E1]"])
        growth = add_tokens(place / "tok", *new, model=place / "old", output=place / "new")
    except TokbenchError as error:
        reason = f"{error.message} ({error.fix})".replace(f"{place}/", "").replace("|", "/")
        return Outcome(kind, name, REFUSED if error.fix else BROKEN, reason, errors)
    except Exception as error:  # what may never come out
        return Outcome(kind, name, BROKEN, f"{type(error).__name__}: {_line(error)}", errors)
    return Outcome(kind, name, GROWN, _shown(growth), errors)


def _shown(growth: Growth) -> str:
    """The proof on one line."""
    proof, resized = growth.proof, growth.resized
    assert proof is not None
    assert resized is not None
    logits = (
        "" if proof.old_columns is None else f", old logits {proof.old_columns:.0e}, taken {proof.taken:.1%}"
    )
    step = {True: ", one step written", False: "", None: ""}[proof.generated]
    part = f" by {proof.part}" if proof.part else ""
    return (
        f"{len(resized.tables)} tables; {proof.texts} old texts {proof.largest_difference:g}{logits}; "
        f"{proof.as_old} of {proof.new_texts} read as old ids{step}{part}"
    )


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:160].replace("|", "/")


def _too_long(*_: object) -> None:
    raise TooLongError


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
