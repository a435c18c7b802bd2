"""Bits per byte against what the hand gets from a model that knows nothing."""

import math
from dataclasses import dataclass

import pytest

from tokbench.analysis.compare import compare
from tokbench.errors import UsageError

from .conftest import ENGLISH, KOREAN


@dataclass
class Uniform:
    """A model that finds every one of its rows equally likely."""

    rows: int
    name: str = "uniform"

    def bits(self, texts):
        return math.log2(self.rows) * sum(map(len, texts))


def test_a_uniform_model_needs_log2_of_its_rows_a_token(saved, corpora, trained):
    result = compare(
        [saved["bpe"], saved["unigram"]],
        [str(path) for path in corpora.values()],
        scorers=[Uniform(1024), None],
    )
    for found, texts in zip(result.results[::2], (ENGLISH, KOREAN), strict=True):
        ids = [trained["bpe"].encode(text, add_special_tokens=False).ids for text in texts]
        expected = 10 * sum(map(len, ids)) / sum(len(text.encode()) for text in texts)
        assert found.bits_per_byte == pytest.approx(expected)
    assert [each.bits_per_byte for each in result.results[1::2]] == [None, None]
    assert [each.model for each in result.tokenizers] == ["uniform", None]


def test_progress_is_told_up_to_the_last_token(saved, corpora, trained):
    told = []
    compare(
        [saved["bpe"]],
        [str(corpora["en"])],
        scorers=[Uniform(1024)],
        progress=lambda *words: told.append(words),
    )
    tokens = sum(len(trained["bpe"].encode(text, add_special_tokens=False).ids) for text in ENGLISH)
    steps = [words for words in told if words[0] == "uniform on en"]
    assert steps[0] == ("uniform on en", 0, tokens)
    assert steps[-1] == ("uniform on en", tokens, tokens)


def test_a_model_of_another_tokenizer_is_refused_before_anything_is_read(saved):
    with pytest.raises(UsageError, match=r"has 99 rows and .* has ids up to .*: it is not the model"):
        compare([saved["bpe"]], ["no-such-file"], scorers=[Uniform(99)])
