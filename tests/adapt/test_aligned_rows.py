"""New rows by what stands where a token stands: shares of old rows, from offsets alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import tokbench as tb
from tokbench.adapt.starts import aligned_rows as subject
from tokbench.adapt.starts.aligned_rows import TokenSpans, aligned_rows, overlaps

TEXTS = st.lists(st.text("abc é한\n", min_size=1, max_size=20), min_size=1, max_size=12)


def byte_level(texts, size=270):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    )
    return made


def word_piece(*words):
    vocabulary = {word: at for at, word in enumerate(["[UNK]", *words])}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def aligned(new, old, texts, rows=None):
    size = new.get_vocab_size()
    return aligned_rows([texts], new, old, size=size, rows=rows or old.get_vocab_size())


def shared_out(new, old, texts):
    """The same by hand, character by character."""
    sums = {}
    for text in texts:
        mine, theirs = (each.encode(text, add_special_tokens=False) for each in (new, old))
        on = [
            [[at for at, (a, b) in enumerate(each.offsets) if a <= place < b] for place in range(len(text))]
            for each in (mine, theirs)
        ]
        whole, met = {}, {}
        for here, there in zip(*on, strict=True):
            for j in there:
                whole[j] = whole.get(j, 0) + 1 / len(there)
                for i in here:
                    k, m = here.index(i), there.index(j)
                    both = min((k + 1) / len(here), (m + 1) / len(there)) - max(k / len(here), m / len(there))
                    if both > 1e-9:
                        met[i, j] = met.get((i, j), 0) + both
        for (i, j), much in met.items():
            pair = mine.ids[i], theirs.ids[j]
            sums[pair] = sums.get(pair, 0) + (much / whole[j]) ** subject.POWER
    totals = {}
    for (i, _), much in sums.items():
        totals[i] = totals.get(i, 0) + much
    return {(i, j): much / totals[i] for (i, j), much in sums.items()}


@given(one=TEXTS, other=TEXTS, texts=TEXTS)
@settings(max_examples=60)
def test_shares_are_those_counted_character_by_character(one, other, texts):
    new, old = byte_level(one, 262), byte_level(other, 266)
    found = aligned(new, old, texts)
    expected = shared_out(new, old, texts)
    assert list(zip(found.new.tolist(), found.old.tolist(), strict=True)) == sorted(expected)
    assert found.shares == pytest.approx([expected[pair] for pair in sorted(expected)])
    whole = np.bincount(found.new, found.shares, minlength=new.get_vocab_size())
    assert whole[np.unique(found.new)] == pytest.approx(1)


@given(learned=TEXTS, texts=TEXTS)
@settings(max_examples=60)
def test_each_token_of_a_tokenizer_stands_for_itself_alone(learned, texts):
    tokenizer = byte_level(learned)
    found = aligned(tokenizer, tokenizer, texts)
    ids = sorted({number for text in texts for number in tokenizer.encode(text).ids})
    assert (found.new.tolist(), found.old.tolist()) == (ids, ids)
    assert (found.shares == 1).all()


def test_whole_words_of_two_families_meet_whatever_their_marks_and_case():
    old = word_piece("the", "cat", "##s", "sat")
    new = byte_level(["The cats sat"] * 9, 262 + 8)
    found = aligned(new, old, ["The cats sat", "the cat sat"])
    for token, before in (("The", ["the"]), ("Ġsat", ["sat"])):
        ids, shares = found.of(new.token_to_id(token))
        assert [old.id_to_token(each) for each in ids] == before
        assert shares == (1.0,)


def test_a_longer_token_is_the_mean_of_what_it_is_made_of():
    old, new = word_piece("un", "##do", "##able"), word_piece("undo", "##able", "undoable")
    assert aligned(new, old, ["undoable"]).of(3) == ((1, 2, 3), (1 / 3, 1 / 3, 1 / 3))


def test_what_is_wholly_under_a_token_weighs_more_than_what_reaches_beyond():
    old, new = word_piece("ab", "##cd"), word_piece("abc", "##d")
    ids, shares = aligned(new, old, ["abcd"]).of(1)
    assert ids == (1, 2)
    assert shares == pytest.approx((0.8, 0.2))  # 1 and 1/2, squared
    assert aligned(new, old, ["abcd"]).of(2) == ((2,), (1.0,))


def test_bytes_of_one_character_share_it():
    old, new = word_piece("한", "a"), byte_level(["x"], 256)
    found = aligned(new, old, ["한 a"])
    for byte in "한".encode():
        letter = sorted(pre_tokenizers.ByteLevel.alphabet())  # all 256 are tokens
        assert len(letter) == 256
        token = tb.native.byte_alphabet.byte_characters()[byte]
        assert found.of(new.token_to_id(token)) == ((1,), (1.0,))
    spans = TokenSpans.of(new, ["한"])
    assert overlaps(spans, TokenSpans.of(old, ["한"])).share == pytest.approx([1 / 3] * 3)


def test_ids_without_a_row_and_tokens_without_a_character_are_left_out():
    old, new = word_piece("cat", "hat"), word_piece("hat", "cat")
    found = aligned(new, old, ["cat hat"], rows=2)
    assert (found.of(2), found.of(1)) == (((1,), (1.0,)), ((), ()))
    assert found.of(0) == ((), ())


@given(learned=TEXTS, texts=TEXTS, cut=st.integers(1, 30))
@settings(max_examples=30)
def test_the_size_of_parts_changes_nothing(learned, texts, cut):
    new, old = byte_level(learned), byte_level(texts)
    whole = aligned(new, old, texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "AT_ONCE", cut)
        parts = aligned(new, old, texts)
    assert (whole.new == parts.new).all()
    assert (whole.old == parts.old).all()
    assert whole.shares == pytest.approx(parts.shares)
    assert (whole.texts, whole.tokens, whole.tokens_before) == (
        parts.texts,
        parts.tokens,
        parts.tokens_before,
    )
    assert whole.utf8_bytes == parts.utf8_bytes == sum(len(text.encode()) for text in texts)


def test_no_texts_give_no_shares():
    old = word_piece("cat")
    found = aligned_rows([], old, old, size=2, rows=2)
    assert (len(found), found.texts, found.of(1)) == (0, 0, ((), ()))
