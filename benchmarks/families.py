"""Every family of transformers that reads tokens, small and random: found sound, and grown soundly or not.

Run: OMP_NUM_THREADS=1 python benchmarks/families.py [--heads] [MODEL_TYPE ...] (or make families, make heads)
Each is saved by transformers itself with a tokenizer that fits. Then `check` must find no error, and
`add-tokens` must give a model whose contract holds (model/contract.py), or refuse in a sentence with a
reason. Prints a Markdown table, says which could not be built, and exits 1 where one of these is not so.
With --heads every class of every head that transformers has for a family, and a count for each head.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).parent))

import tiny_models
import torch

from tokbench.adapt.grow import add_tokens
from tokbench.adapt.growth import Growth
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


def main(words: Sequence[str]) -> int:
    """Print the table."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGALRM, _too_long)
    kinds = [word for word in words if word != "--heads"]
    outcomes = _by_head(kinds) if "--heads" in words else _by_family(kinds)
    print(f"errors of check as saved: {sum(bool(each.errors) for each in outcomes)}")
    return 0 if all(each.sound for each in outcomes) else 1


def _by_family(kinds: Sequence[str]) -> list[Outcome]:
    """One class of each family."""
    outcomes = _shown_as_they_come((kind, "") for kind in kinds or tiny_models.families())
    print(f"\n{len(outcomes)} families: {_counted(outcomes)}")
    return outcomes


def _by_head(kinds: Sequence[str]) -> list[Outcome]:
    """Every class of every head, each tried once, and what became of the classes of each head."""
    heads = tiny_models.heads()
    wanted = {
        (kind, name): None
        for classes in heads.values()
        for kind, names in classes.items()
        for name in names
        if not kinds or kind in kinds
    }
    outcomes = _shown_as_they_come(sorted(wanted))
    print("\n| head | classes | grown | refused | not built | BROKEN |\n|---|---|---|---|---|---|")
    for head, classes in heads.items():
        names = {(kind, name) for kind, those in classes.items() for name in those}
        of_it = [each for each in outcomes if (each.kind, each.name) in names]
        ended = Counter(each.ended for each in of_it)
        columns = (ended[each] for each in (GROWN, REFUSED, NOT_BUILT, BROKEN))
        print(f"| {head or 'MODEL'} | {len(of_it)} | {' | '.join(map(str, columns))} |")
    print(f"\n{len(outcomes)} classes: {_counted(outcomes)}")
    return outcomes


def _shown_as_they_come(wanted: Iterable[tuple[str, str]]) -> list[Outcome]:
    print("| model type | class | add-tokens | what was shown, or why not | errors of check as saved |")
    print("|---|---|---|---|---|")
    outcomes = []
    for kind, name in wanted:
        each = tried(kind, name)
        outcomes.append(each)
        errors = "; ".join(each.errors)
        print(f"| {each.kind} | {each.name} | {each.ended} | {each.why} | {errors} |", flush=True)
    return outcomes


def _counted(outcomes: Sequence[Outcome]) -> str:
    return ", ".join(f"{number} {ended}" for ended, number in Counter(o.ended for o in outcomes).items())


def tried(kind: str, name: str = "") -> Outcome:
    """Build, check and grow one class; the one that stands for its family where none is named."""
    signal.alarm(SECONDS)
    try:
        with tempfile.TemporaryDirectory() as place:
            return _tried(kind, name, Path(place))
    except TooLongError:
        return Outcome(kind, name, BROKEN, f"not done in {SECONDS} s")
    finally:
        signal.alarm(0)


def _tried(kind: str, name: str, place: Path) -> Outcome:
    try:
        name = tiny_models.saved(kind, place / "old", name=name, tokenizer=place / "tok")
    except Exception as error:  # whatever a class raises over a config
        return Outcome(kind, name or tiny_models.families()[kind][0], NOT_BUILT, _line(error))
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
