"""The standing fuzzer: random tokenizers and texts held against the laws until its seconds are over.

    python -m tests.laws.fuzz --seconds 600 [--first SEED] [--law NAME]

A case that breaks a law is shrunk, and printed as lines to paste. The exit code says whether there was one.
Every minute a line to stderr says what was done so far, so that a run cut short is a figure too.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tests.laws.laws import LAWS, DifferenceError, UnusableCaseError, check, made_by_library
from tests.laws.random_cases import Case, random_case
from tests.laws.shrinking import shrunk, snippet

MOST_FOUND = 20
MEMORY = 8 << 30  # bytes
EVERY = 60  # seconds from one line about what was done to the next


@dataclass
class Fuzzed:
    """What the fuzzer did: cases made, cases that the library has no tokenizer for, texts, laws held."""

    cases: int = 0
    unusable: int = 0
    texts: int = 0
    held: Counter[str] = field(default_factory=Counter)
    found: list[tuple[str, Case, str]] = field(default_factory=list)

    def __str__(self) -> str:
        laws = ", ".join(f"{law} {number:,}" for law, number in self.held.items())
        return (
            f"{self.cases:,} recipes ({self.unusable:,} that the library refuses), {self.texts:,} texts; "
            f"held: {laws}; {len(self.found)} broken; {time.process_time():.0f} CPU s"
        )


def fuzz(
    seconds: float,
    *,
    first: int = 0,
    laws: Iterable[str] = tuple(LAWS),
    step: int = 1,
    tell: Callable[[str, Case, str], None] = lambda law, case, words: None,
    report: Callable[[Fuzzed], None] = lambda done: None,
    every: float = EVERY,
) -> Fuzzed:
    """Hold one case after the other against the laws, for so many seconds; what is found is told at once.

    `report` gets what was done so far, every so many seconds.
    """
    done, begun, laws = Fuzzed(), time.monotonic(), tuple(laws)
    told_at = begun
    for seed in itertools.count(first, step):
        now = time.monotonic()
        if now >= begun + seconds or len(done.found) >= MOST_FOUND:
            return done
        if now >= told_at + every:
            report(done)
            told_at = now
        case = random_case(seed)
        done.cases += 1
        for law, words in _broken(case, laws, done):
            done.found.append((law, case, words))
            tell(law, case, words)
    raise AssertionError("seeds never end")


def _broken(case: Case, laws: tuple[str, ...], done: Fuzzed) -> Iterator[tuple[str, str]]:
    """The laws that this case breaks, and in which words."""
    try:
        made = made_by_library(case)
    except UnusableCaseError:
        done.unusable += 1
        return
    done.texts += len(case.texts)
    for law in laws:
        if done.cases % LAWS[law][1]:
            continue
        words = why_broken(case, law, made)
        if words:
            yield law, words
        done.held[law] += 1


def why_broken(case: Case, law: str, made: object = None) -> str:
    """How the case breaks the law, "" when it keeps it or is no case."""
    try:
        check(case, law, made)
    except UnusableCaseError:
        return ""
    except DifferenceError as error:
        return str(error)
    except Exception as error:
        return f"{law}: {type(error).__name__}: {error}"
    return ""


def told(law: str, case: Case, words: str) -> str:
    """A broken law with the smallest case that breaks it."""
    kind = words.split("\n")[0].split(",")[0][:24]
    small = shrunk(case, lambda each: why_broken(each, law).startswith(kind[: len(law)]))
    return f"seed {case.seed}: {why_broken(small, law) or words}\n\n{snippet(small, law)}\n"


def main() -> int:
    """Fuzz as the command line asks."""
    parser = argparse.ArgumentParser(description="Hold random tokenizers and texts against the library.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--step", type=int, default=1, help="from one seed to the next")
    parser.add_argument("--law", action="append", choices=list(LAWS))
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))  # the library takes all there is for some cases

    def tell(law: str, case: Case, words: str) -> None:
        sys.stdout.write(told(law, case, words) + "\n")
        sys.stdout.flush()

    def report(done: Fuzzed) -> None:
        sys.stderr.write(f"so far: {done}\n")
        sys.stderr.flush()

    laws = asked.law or tuple(LAWS)
    done = fuzz(asked.seconds, first=asked.first, laws=laws, step=asked.step, tell=tell, report=report)
    sys.stdout.write(f"{done}\n")
    return 1 if done.found else 0


if __name__ == "__main__":
    sys.exit(main())
