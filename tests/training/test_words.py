"""The oracle is the normalizer and the pre-tokenizer themselves, called text by text."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from tokbench.errors import DataError
from tokbench.training.word_counts import WordCounts, library_counts

NORMALIZERS = {
    "none": None,
    "bert": normalizers.BertNormalizer(),
    "nfkc": normalizers.NFKC(),
    "sequence": normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
}
PRE_TOKENIZERS = {
    "none": None,
    "bert": pre_tokenizers.BertPreTokenizer(),
    "bytes": pre_tokenizers.ByteLevel(add_prefix_space=True),
    "metaspace": pre_tokenizers.Metaspace(),  # "first" looks at offsets in the text before it was normalized
    "sequence": pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits()]),
}


def blocks(normalizer, pre_tokenizer):
    made = Tokenizer(models.BPE())
    if NORMALIZERS[normalizer] is not None:
        made.normalizer = NORMALIZERS[normalizer]
    if PRE_TOKENIZERS[pre_tokenizer] is not None:
        made.pre_tokenizer = PRE_TOKENIZERS[pre_tokenizer]
    return made


def counted_here(tokenizer, texts):
    words = Counter()
    for text in texts:
        if tokenizer.normalizer is not None:
            text = tokenizer.normalizer.normalize_str(text)
        if tokenizer.pre_tokenizer is None:
            words.update([text] if text else [])
        else:
            words.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text))
    return words


writing = st.text(
    alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from("aab 12.\t\u00a0가"), max_size=40
)


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.lists(writing, max_size=5), max_size=4),
    st.sampled_from(sorted(NORMALIZERS)),
    st.sampled_from(sorted(PRE_TOKENIZERS)),
)
def test_words_are_counted_as_the_blocks_make_them(batches, normalizer, pre_tokenizer):
    made = blocks(normalizer, pre_tokenizer)
    words = library_counts(made, batches)
    assert words.counts == counted_here(made, [text for batch in batches for text in batch])


def test_words_come_most_frequent_first_then_by_code_point():
    words = library_counts(blocks("none", "bert"), [["b a c b", "é a"]])
    assert list(words.counts.items()) == [("a", 2), ("b", 2), ("c", 1), ("é", 1)]
    assert (len(words), words.total) == (4, 6)


def test_the_tokenizer_given_is_left_as_it_was():
    made = blocks("bert", "bert")
    before = made.to_str()
    library_counts(made, [["some words"]])
    assert made.to_str() == before


def test_no_texts_have_no_words():
    assert library_counts(blocks("none", "none"), []) == WordCounts({})


def test_half_a_character_is_refused():
    with pytest.raises(DataError):
        library_counts(blocks("none", "none"), [["\udc00"]])
