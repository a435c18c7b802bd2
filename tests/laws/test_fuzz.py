"""The fuzzer for some seconds, always with the same seeds; `make fuzz SECONDS=600` goes on with others."""

import subprocess
import sys

import pytest

from tests.laws.fuzz import fuzz, told, why_broken
from tests.laws.laws import LAWS
from tests.laws.random_cases import Case, random_case
from tests.laws.shrinking import shrunk, snippet

pytest.importorskip("numba")
SECONDS = 20


def test_random_tokenizers_and_texts_keep_every_law():
    done = fuzz(SECONDS)
    assert not done.found, "\n".join(told(law, case, words) for law, case, words in done.found[:3])
    assert done.texts > 20
    assert done.held.keys() == LAWS.keys()


def test_a_run_that_is_cut_short_has_told_what_it_did():
    told_so_far = []
    done = fuzz(
        1.5, first=1000, laws=["counting"], every=0, report=lambda done: told_so_far.append(str(done))
    )
    assert len(told_so_far) == done.cases > 1
    assert "recipes" in told_so_far[-1]
    assert "CPU s" in told_so_far[-1]


def test_a_seed_is_the_same_case_everywhere():
    assert [random_case(seed) for seed in range(20)] == [random_case(seed) for seed in range(20)]


def test_what_is_found_is_shrunk_and_can_be_pasted():
    """The law that is broken here: no text holds a q."""

    def fails(case: Case) -> bool:
        return any("q" in text for text in case.texts)

    case = Case(
        model={"fuse_unk": True},
        trainer={"min_frequency": 2},
        normalizers=({"type": "NFC"}, {"type": "Lowercase"}),
        pre_tokenizers=({"type": "Metaspace"},),
        special=({"content": "[UNK]", "special": True}, {"content": "b", "lstrip": True}),
        added=({"content": "c", "rstrip": True},),
        corpus=("one two", "three"),
        texts=("some words", "a quick fox", ""),
    )
    small = shrunk(case, fails)
    assert small.texts == ("q",)
    assert (small.normalizers, small.pre_tokenizers, small.model, small.added) == ((), (), {}, ())
    assert small.special == ({"content": "[UNK]"},)
    pasted = snippet(small, "encoding")
    run = subprocess.run([sys.executable, "-c", pasted], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_an_error_that_escapes_is_found_too(monkeypatch):
    def broken(case, made):
        raise ZeroDivisionError("as an example")

    monkeypatch.setitem(LAWS, "counting", (broken, 1))
    case = next(each for each in map(random_case, range(20)) if not why_broken(each, "learning"))
    assert why_broken(case, "counting") == "counting: ZeroDivisionError: as an example"
