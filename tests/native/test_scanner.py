"""What is served and what is not, and the caches that make it quick."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from tokbench.io import cache as cache_module
from tokbench.io.cache import get_or_make, is_cached
from tokbench.native.scanner import scanner_for

pytest.importorskip("numba")


def tokenizer(pre_tokenizer=None, normalizer=None):
    made = Tokenizer(models.BPE())
    if pre_tokenizer is not None:
        made.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        made.normalizer = normalizer
    return made


class Custom:
    def pre_tokenize(self, words):
        words.split(lambda _, part: [part])


@pytest.mark.parametrize(
    ("reason", "pre_tokenizer"),
    [
        ("no pre_tokenizer", None),
        ("Digits", pre_tokenizers.Digits()),
        ("ByteLevel has no", pre_tokenizers.ByteLevel(use_regex=False)),
        (
            "Whitespace+Digits",
            pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits()]),
        ),
        ("Metaspace", pre_tokenizers.Metaspace(replacement="_")),
        ("Metaspace", pre_tokenizers.Metaspace(split=False)),
        (
            "Metaspace",
            pre_tokenizers.Sequence(
                [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="first")]
            ),
        ),
        (
            "Split",
            pre_tokenizers.Sequence(
                [
                    pre_tokenizers.Split(Regex(r"\p{L}+"), "isolated"),
                    pre_tokenizers.ByteLevel(use_regex=False),
                ]
            ),
        ),
        ("JSON", pre_tokenizers.PreTokenizer.custom(Custom())),
    ],
)
def test_other_pre_tokenizers_are_left_to_the_library_with_a_reason(reason, pre_tokenizer):
    assert reason in scanner_for(tokenizer(pre_tokenizer))


def test_other_normalizers_are_left_to_the_library_with_a_reason():
    normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.NFKD()])
    assert "NFKD" in scanner_for(tokenizer(pre_tokenizers.Whitespace(), normalizer))


@pytest.mark.parametrize("scheme", ["first", "always", "never"])
def test_where_the_first_character_may_be_deleted_metaspace_first_is_left_to_the_library(scheme):
    metaspace = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    deleting = normalizers.Sequence([normalizers.Lowercase(), normalizers.BertNormalizer()])
    found = scanner_for(tokenizer(metaspace, deleting))
    assert ("first character" in found) if scheme == "first" else not isinstance(found, str)
    assert not isinstance(scanner_for(tokenizer(metaspace, normalizers.NFC())), str)


def test_a_sequence_of_one_is_that_one():
    alone = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer()])
    assert (
        scanner_for(tokenizer(alone)).split == scanner_for(tokenizer(pre_tokenizers.BertPreTokenizer())).split
    )


def test_the_environment_can_say_no(monkeypatch):
    monkeypatch.setenv("TOKBENCH_NO_COMPILE", "1")
    assert "TOKBENCH_NO_COMPILE" in scanner_for(tokenizer(pre_tokenizers.Whitespace()))


def test_what_is_kept_is_made_once_and_anew_when_damaged(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not is_cached("thing")
    assert get_or_make("thing", lambda: b"whole") == get_or_make("thing", lambda: b"other") == b"whole"
    path = cache_module.cache_folder() / "thing"
    path.write_bytes(path.read_bytes()[:-1])
    assert get_or_make("thing", lambda: b"again") == get_or_make("thing", lambda: b"other") == b"again"
    assert [each.name for each in path.parent.iterdir()] == ["thing"]


def test_a_cache_that_cannot_be_written_costs_time_only(monkeypatch, tmp_path):
    (tmp_path / "tokbench").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert get_or_make("thing", lambda: b"made") == b"made"


COUNT = """
import sys
from tokenizers import Tokenizer, models, pre_tokenizers
from tokbench.native.word_counter import count_words_compiled
from tokbench.native.scanner import scanner_for
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
told = []
scanner = scanner_for(tokenizer)
told_of = lambda stage, done, total=None: told.append(stage)
counts = count_words_compiled([["a b a", "c"]], scanner, progress=told_of)
found = {counts.arena[a:b].tobytes(): n for (a, b), n in zip(counts.places.tolist(), counts.counts.tolist())}
assert counts.bytewise and found == {b"a": 1, b"c": 1, b" a": 1, b" b": 1}, found
print("numba" in sys.modules, "compile" in told)
"""


def counting(cache: Path):
    run = [sys.executable, "-c", COUNT]
    done = subprocess.run(
        run, env=os.environ | {"XDG_CACHE_HOME": str(cache)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_once_compiled_nothing_imports_numba():
    from tokbench.native.compiler import loops

    loops("count")
    assert counting(cache_module.cache_folder().parent) == ["False", "False"]


@pytest.mark.slow
def test_the_first_run_compiles_and_says_so(tmp_path):
    assert counting(tmp_path) == ["False", "True"]  # in a process of its own
    assert counting(tmp_path) == ["False", "False"]
