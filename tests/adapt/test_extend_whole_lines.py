"""Tokenizers that cut no words, as Llama 2 and Gemma: words end where no token reaches over a space."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

import tokbench as tb
from tests.adapt.test_extend import holds, metaspace
from tokbench.adapt.continued.word_borders import borders
from tokbench.errors import DataError, NegativeResultError, UsageError

TEXTS = st.lists(st.text("abcd> é한", min_size=1, max_size=30), min_size=1, max_size=20)


def whole_lines(texts, *, split=False, also=()):
    """SentencePiece's BPE as Llama 2 has it; `split`: as Gemma has it; `also`: merges over spaces."""
    raw = json.loads(metaspace(texts).to_str())
    vocab, merges = raw["model"]["vocab"], raw["model"]["merges"]
    for left, right in also:
        for token in (left, right, left + right):
            vocab.setdefault(token, len(vocab))
        merges.append([left, right])
    raw["pre_tokenizer"] = None
    made = Tokenizer.from_str(json.dumps(raw))
    blanks = normalizers.Replace(" ", "▁")
    made.normalizer = blanks if split else normalizers.Sequence([normalizers.Prepend("▁"), blanks])
    if split:
        made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
        made.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        )
    return made


def cut(tokenizer):
    """The same with words cut at its borders, and none of them looked up whole."""
    made = Tokenizer.from_str(tokenizer.to_str())
    if isinstance(made.model, models.BPE):
        made.model.ignore_merges = False
    made.pre_tokenizer = borders(tokenizer).pre_tokenizer(tokenizer.pre_tokenizer)
    return made


@given(
    base=TEXTS, corpus=TEXTS, others=TEXTS, size=st.integers(1, 30), gemma=st.booleans(), lines=st.booleans()
)
@settings(max_examples=60)
def test_lines_have_the_ids_of_their_words(base, corpus, others, size, gemma, lines):
    tokenizer = whole_lines(base, split=gemma, also=[(">", "▁"), (">▁", "a")] if gemma else ())
    tokenizer.model.ignore_merges = lines
    before = tokenizer.to_str()
    try:
        wider = tb.extend(tokenizer, iter(corpus), tokens=size)
    except (NegativeResultError, DataError):
        return
    finally:
        assert tokenizer.to_str() == before
    holds(tokenizer, wider, corpus)
    new = wider.growth.added.tokenizer
    for block in ("normalizer", "pre_tokenizer"):
        assert json.loads(new.to_str())[block] == json.loads(tokenizer.to_str())[block]
    for whole in (tokenizer, new):
        for text in [*corpus, *others]:
            assert whole.encode(text).ids == cut(whole).encode(text).ids
    joined = borders(tokenizer).joined
    for token in wider.growth.added.regular:
        inner = {before for before, after in pairwise(token) if after == "▁" != before}
        assert inner <= joined
    tokens = sum(len(new.encode(text, add_special_tokens=False).ids) for text in corpus if text.strip())
    assert tokens == wider.curve[-1].corpus_tokens


def test_words_that_gemma_joins_are_not_cut():
    base = whole_lines(["a> b >c"] * 9, split=True, also=[(">", "▁"), (">▁", "b")])
    found = borders(base)
    assert (found.sign, found.joined, found.part_words) == ("▁", {">"}, True)
    assert sorted(found.over) == [">▁", ">▁b"]
    words = cut(base).pre_tokenizer.pre_tokenize_str("x>▁▁b▁c▁>")
    assert [word for word, _ in words] == ["x>▁▁b", "▁c", "▁>"]


def test_runs_of_spaces_stay_with_the_word_behind_them():
    words = cut(whole_lines(["a b"] * 9)).pre_tokenizer.pre_tokenize_str("▁▁▁a▁b▁▁")
    assert [word for word, _ in words] == ["▁▁▁a", "▁b", "▁▁"]


def test_tokens_that_reach_over_spaces_are_named():
    base = whole_lines(["a b"] * 9, also=[("a", "▁"), ("a▁", "b")])
    with pytest.raises(UsageError, match="cuts no words, and 2 of its tokens reach over spaces, such as a▁"):
        tb.extend(base, ["a b c"] * 9)


def test_a_unigram_without_words_is_cut_as_well():
    made = Tokenizer(models.Unigram([("<unk>", 0.0), *((each, -5.0) for each in "abcd▁")], unk_id=0))
    made.normalizer = normalizers.Replace(" ", "▁")
    corpus = ["ab cd ab", "cd ab abcd"] * 9
    wider = tb.extend(made, corpus, tokens=9)
    assert wider.domain.recut == wider.dead == 0
    new = wider.growth.added.tokenizer
    assert new.encode("ab cd").tokens == ["ab", "▁cd"]
    assert sum(len(new.encode(text).ids) for text in corpus) == wider.curve[-1].corpus_tokens
