"""The table, its growth and its order, and what the loops do with bytes that are no text."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from tokbench.errors import DataError
from tokbench.native.scanner import scanner_for
from tokbench.native.word_counter import BLOCK, count_words_compiled, order_words, text_blocks_of

pytest.importorskip("numba")


@pytest.fixture(scope="module")
def words():
    """A scanner whose words are what stands between white space."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return scanner_for(tokenizer)


@pytest.fixture(scope="module")
def many():
    """Texts of more than two blocks, with words of 1 to 40 bytes."""
    random_ = random.Random(5)
    vocabulary = [f"{random_.getrandbits(160):x}"[: random_.randrange(1, 41)] for _ in range(60_000)]
    return [" ".join(random_.choices(vocabulary, k=20)) for _ in range(6_000)]


def words_of(found):
    places = found.places.tolist()
    return dict(
        zip([found.arena[a:b].tobytes().decode() for a, b in places], found.counts.tolist(), strict=True)
    )


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_table_grows_and_the_threads_do_not_matter(words, many, threads):
    counted = count_words_compiled([many], words, threads=threads)
    expected = Counter(" ".join(many).split())
    assert list(words_of(counted).items()) == sorted(expected.items(), key=lambda each: (-each[1], each[0]))


def test_bytes_and_strings_in_any_batches_are_the_same(words, many):
    as_bytes = "".join(text + "\n" for text in many).encode()
    whole = count_words_compiled([many], words)
    for batches in ([as_bytes], [many[:10], [], many[10:]], [as_bytes[:-1]]):
        other = count_words_compiled(batches, words)
        assert np.array_equal(other.counts, whole.counts)
        assert words_of(other) == words_of(whole)


def test_no_texts_have_no_words(words):
    assert (
        words_of(count_words_compiled([], words))
        == words_of(count_words_compiled([[], [""], b""], words))
        == {}
    )


def test_progress_tells_the_bytes_counted(words, many):
    told = []
    count_words_compiled(
        [many, many], words, progress=lambda stage, done, total=None: told.append((stage, done))
    )
    assert told[-1] == ("count", 2 * sum(len(text) + 1 for text in many))


def test_blocks_are_small_so_that_ctrl_c_need_not_wait(many):
    parts = list(text_blocks_of([many, "\n".join(many).encode()]))
    assert all(len(part.utf8) <= BLOCK for part in parts)
    assert b"".join(part.utf8 for part in parts) == 2 * ("\n".join(many).encode() + b"\n")


def test_an_error_of_the_texts_passes_through_two_threads(words):
    def texts():
        yield ["a b"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_words_compiled(texts(), words, threads=2)


def test_half_a_character_is_refused(words):
    with pytest.raises(DataError, match="half a character"):
        count_words_compiled([["fine", "not \ud83d fine"]], words)


def test_a_word_too_long_for_a_slot_is_refused(words):
    with pytest.raises(DataError, match="too long"):
        count_words_compiled([["a" * (1 << 24)]], words)


@given(
    st.dictionaries(st.text("\0ab", max_size=20).map(str.encode), st.integers(1, 3), max_size=40),
)
def test_words_are_in_the_order_of_their_counts_then_bytes(counted):
    arena = np.frombuffer(b"".join(counted), np.uint8)
    ends = np.cumsum([len(word) for word in counted], dtype=np.int64)
    places = np.stack([ends - [len(word) for word in counted], ends], axis=1).astype(np.int64)
    order = order_words(arena, places, np.array(list(counted.values()), np.int64))
    items = list(counted.items())
    assert [items[number] for number in order] == sorted(items, key=lambda each: (-each[1], each[0]))


@given(st.lists(st.binary(max_size=200), max_size=5))
@pytest.mark.parametrize(
    "split",
    [
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        pre_tokenizers.ByteLevel(add_prefix_space=True),
        pre_tokenizers.BertPreTokenizer(),
    ],
)
def test_bytes_that_are_no_utf8_do_no_harm(split, batches):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = split
    counted = count_words_compiled(batches, scanner_for(tokenizer), threads=1)
    assert int(counted.counts.sum()) <= 2 * sum(map(len, batches)) + len(batches)
    # the first byte of a character that never comes claims up to three more, of the padding behind each batch
    assert counted.arena.size <= 2 * sum(map(len, batches)) + 4 * len(batches)
