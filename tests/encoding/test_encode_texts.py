"""The oracle is the library: `encode_batch` of the same tokenizer on the same texts."""

import random
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from tokbench.encoding.encode_texts import encode_batches, served_encoding, stream
from tokbench.errors import DataError, UsageError
from tokbench.native.compiler import loops
from tokbench.native.corpus_encoder import CompiledEncoder
from tokbench.native.scanner import SPLITTERS

pytest.importorskip("numba")
CORPORA = Path(__file__).parents[3] / "shared" / "data" / "corpora"
SAMPLE = [
    "the quick brown fox doesn't jump over the lazy dogs, and 12345 'll see",
    "tokenizers tokenize tokens; the tokenizer's tokens are tokenized",
    "def tokenize(self, text):\n\treturn [self.vocab[each] for each in text]",
    "한국어 문장을 토큰으로 나누는 토크나이저, 토큰 토큰",
    "Ünïcödé café naïve ÉCOLE, łódź 中文字符 日本語のテキスト",
]
TRICKY = (
    list(" \t\n\r\x0b\x1c\x85\xa0\u2003\u2028\u3000\u200b\u200d\ufeff\x00\x7f\xad'’sStTrReElLdD._-▁!#$½٣45ªʰ")
    + list(
        "éÉe\u0301\u0323\u0345Å\u212bßıİǅſﬁΣς가각\u1100\u1161\u11a8中〇\u093e\u05b0א\ufffd🦊👩👩🏽\U0001d165ÿ"
    )
    + list("\ue000\U000f0000\u0378\U0002f800\U000e0001\U0010ffff")
)
WRITTEN = [
    "[CLS]",
    "[MASK]",
    "<|end|>",
    "<|e",
    "Tokbench",
    "tokbench",
    "TÉST",
    "tést",
    "te\u0301st",
    "ab",
    " ab ",
    "##s",
]
pieces = st.one_of(
    st.text(
        st.one_of(st.sampled_from(TRICKY), st.sampled_from("abtheoskn A1. '\n"), st.characters(codec="utf-8"))
    ),
    st.sampled_from(WRITTEN),
    st.sampled_from(["the", "tokenizer", " tokens", "한국어", "dogs,", "  "]),
)
texts = st.lists(st.lists(pieces, max_size=6).map("".join), max_size=10)


def trained(model, trainer, *, normalizer=None, split=None, alphabet=False):
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if split is not None:
        tokenizer.pre_tokenizer = split
    initial = pre_tokenizers.ByteLevel.alphabet() if alphabet else []
    tokenizer.train_from_iterator(
        SAMPLE, trainer(show_progress=False, initial_alphabet=initial, **SPECIAL[trainer])
    )
    return tokenizer


SPECIAL = {
    trainers.BpeTrainer: {"vocab_size": 380, "special_tokens": ["<|end|>"]},
    trainers.WordPieceTrainer: {"vocab_size": 150, "special_tokens": ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]},
}


def gpt2():
    split = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made = trained(models.BPE(), trainers.BpeTrainer, split=split, alphabet=True)
    made.post_processor = processors.ByteLevel(trim_offsets=True)
    return made


def roberta():
    split = pre_tokenizers.ByteLevel(add_prefix_space=True)
    made = trained(models.BPE(), trainers.BpeTrainer, split=split, alphabet=True)
    made.post_processor = processors.RobertaProcessing(("the", 300), ("<|end|>", 0))
    return made


def pattern(place, normalizer=None):
    cut = pre_tokenizers.Split(Regex(list(SPLITTERS)[place]), "isolated")
    split = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    model = models.BPE(ignore_merges=place == 0)
    return trained(model, trainers.BpeTrainer, normalizer=normalizer, split=split, alphabet=True)


def llama3():
    made = pattern(0)
    template = processors.TemplateProcessing(single="<|end|> $A", special_tokens=[("<|end|>", 0)])
    made.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    made.add_tokens([AddedToken("Tokbench", single_word=True), AddedToken("ab", lstrip=True, rstrip=True)])
    return made


def bert(**options):
    split, normalizer = pre_tokenizers.BertPreTokenizer(), normalizers.BertNormalizer(**options)
    model = models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=12)
    made = trained(model, trainers.WordPieceTrainer, normalizer=normalizer, split=split)
    ids = [("[CLS]", 1), ("[SEP]", 2)]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A:0 [SEP]", special_tokens=ids)
    made.add_special_tokens([AddedToken("[MASK]", lstrip=True)])
    made.add_tokens(["Tést", AddedToken("ab", single_word=True, normalized=False)])
    return made


def characters():
    split = pre_tokenizers.Whitespace()
    return trained(models.BPE(unk_token="<|end|>", fuse_unk=True), trainers.BpeTrainer, split=split)


def metaspace():
    model = models.BPE(unk_token="<|end|>", end_of_word_suffix="</w>")
    return trained(model, trainers.BpeTrainer, split=pre_tokenizers.Metaspace())


def many_added():
    made = gpt2()
    made.add_tokens(["q", "zebra", "Zebra", "한국", "\x00", "~~", "<", "ß", "0day", "!!!", "the lazy"])
    return made


TOKENIZERS = {
    "gpt2": gpt2,
    "roberta": roberta,
    "llama3": llama3,
    "qwen2": lambda: pattern(1, normalizers.NFC()),
    "o200k": lambda: pattern(2),
    "bert": bert,
    "bert-cased": lambda: bert(lowercase=False),
    "characters": characters,
    "metaspace": metaspace,
    "many-added": many_added,
}
tokenizer_named = cache(lambda name: TOKENIZERS[name]())


def assert_equal(tokenizer, texts, *, special=True, **how):
    encoded = encode_batches(tokenizer, [texts], special=special, engine="compiled", **how)
    expected = [each.ids for each in tokenizer.encode_batch(texts, add_special_tokens=special)]
    assert [ids.tolist() for ids in map(encoded.__getitem__, range(len(encoded)))] == expected
    assert encoded.ids.dtype == np.uint32


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=40, deadline=None)
@given(texts=texts, special=st.booleans())
def test_ids_are_the_librarys(name, texts, special):
    assert_equal(tokenizer_named(name), texts, special=special)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokens_and_words_may_lie_anywhere_in_a_block_of_64_bytes(name):
    texts = [f"{'x' * before} {token} the{token}" for before in range(55, 66) for token in WRITTEN]
    assert_equal(tokenizer_named(name), texts)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_token_cut_by_the_border_of_texts_is_none(name):
    assert_equal(
        tokenizer_named(name), ["<|en", "d|>", "[MA", "SK]", "", "a", "b", "Tokbenc", "h", " ", "te", "st"]
    )


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("size", [7, 8, 9, 12, 13, 16, 17, 255, 256, 257, 5000])
def test_words_of_any_length_have_the_librarys_ids(name, size):
    texts = ["a" * size, "tokens" * (size // 6) + "s" * (size % 6), "가" * size, "q" + "e" * (size - 1)]
    assert_equal(tokenizer_named(name), texts)


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("threads", [1, 2])
def test_several_blocks_and_batches_are_encoded_in_order(name, threads):
    random_ = random.Random(3)
    words = [f"{random_.getrandbits(40):x}" for _ in range(3000)] + [
        "ab",
        "<|end|>",
        "tést",
        "한국어",
        "[MASK]",
    ] * 50
    texts = [" ".join(random_.choices(words, k=12)) for _ in range(700)]
    tokenizer = tokenizer_named(name)
    batches = [texts[:300], [], texts[300:301], texts[301:]]
    several = list(stream(tokenizer, batches, engine="compiled", threads=threads))
    assert [len(each) for each in several] == [300, 0, 1, 399]
    expected = [each.ids for each in tokenizer.encode_batch_fast(texts)]
    assert [ids.tolist() for each in several for ids in map(each.__getitem__, range(len(each)))] == expected


def test_a_batch_of_more_than_one_block_is_one_batch():
    random_ = random.Random(5)
    texts = [f"{random_.getrandbits(400):x} ab" for _ in range(12_000)]
    tokenizer = tokenizer_named("gpt2")
    encoded = encode_batches(tokenizer, [texts], engine="compiled")
    assert encoded.ids.tolist() == [at for each in tokenizer.encode_batch_fast(texts) for at in each.ids]


@pytest.mark.parametrize("engine", ["compiled", "library"])
def test_bytes_with_a_line_feed_after_each_text_are_the_same_texts(engine):
    tokenizer, as_bytes = tokenizer_named("bert"), "\n".join(SAMPLE).encode()
    texts = as_bytes.decode().split("\n")
    wanted = encode_batches(tokenizer, [texts], engine="library")
    for batches in ([as_bytes], [b"", as_bytes + b"\n"], [f"{text}\n".encode() for text in texts]):
        encoded = encode_batches(tokenizer, batches, engine=engine)
        assert np.array_equal(encoded.ids, wanted.ids)
        assert np.array_equal(encoded.starts, wanted.starts)


def test_a_full_table_is_emptied_and_the_ids_stay_the_same():
    tokenizer = tokenizer_named("gpt2")
    encoder = CompiledEncoder(served_encoding(tokenizer), loops("encode"), most_words=10)
    for number in range(20):
        texts = [f"the {number} token{number} {number * 7}x", "dogs"]
        part = encoder.encode(texts)
        assert part.ids.tolist() == [at for each in tokenizer.encode_batch(texts) for at in each.ids]


def test_half_a_character_is_refused():
    with pytest.raises(DataError, match="half a character"):
        encode_batches(tokenizer_named("gpt2"), [["not \ud83d fine"]], engine="compiled")


def test_special_tokens_can_be_read_as_text():
    tokenizer = bert()
    tokenizer.encode_special_tokens = True
    assert_equal(tokenizer, ["a [MASK] b", "[CLS]"])


def test_a_token_that_only_the_normalizer_brings_out_is_still_one_token():
    """NFC composes e and an accent, which no loop does: the library normalizes that text first."""
    tokenizer = pattern(1, normalizers.NFC())
    tokenizer.add_tokens(["t\u00e9st"])
    texts = ["a te\u0301st here", "a e\u0301 without", "plain"]
    encoded = encode_batches(tokenizer, [texts], engine="compiled")
    assert tokenizer.token_to_id("t\u00e9st") in encoded[0]
    assert_equal(tokenizer, texts)


def test_a_missing_unknown_token_is_the_librarys_error_and_harms_no_later_text():
    vocab = {"the": 0, "to": 1, "##ken": 2, "[X]": 3}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[X]"])
    encoder = CompiledEncoder(served_encoding(tokenizer), loops("encode"))
    for _ in range(2):
        with pytest.raises(Exception, match="UNK"):
            encoder.encode(["the token", "dog"])
    assert encoder.encode(["the token", "[X]the"]).ids.tolist() == [0, 1, 2, 3, 0]


def test_truncation_and_padding_play_no_part_and_stay_as_they_were():
    tokenizer = gpt2()
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=4)
    encoded = encode_batches(tokenizer, [SAMPLE], engine="compiled")
    assert encoded.ids.tolist() == [at for each in gpt2().encode_batch(SAMPLE) for at in each.ids]
    assert tokenizer.truncation["max_length"] == 2
    assert tokenizer.padding["length"] == 4


@pytest.mark.parametrize("engine", ["auto", "library"])
def test_what_is_not_served_is_encoded_by_the_library_which_is_said(engine):
    tokenizer = Tokenizer(models.Unigram([("a", -1.0), ("b", -2.0)], unk_id=0))
    encoded = encode_batches(tokenizer, [["ab", "ba"], ["a"]], engine=engine)
    assert encoded.ids.tolist() == [0, 1, 1, 0, 0]
    assert encoded.starts.tolist() == [0, 2, 4, 5]
    assert encoded.choice.engine == "library"
    assert encoded.choice.why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda made: setattr(made.model, "dropout", 0.5), "dropout"),
        (lambda made: setattr(made, "normalizer", normalizers.NFKD()), "NFKD"),
        (lambda made: setattr(made, "pre_tokenizer", pre_tokenizers.Digits()), "Digits"),
        *(
            (
                lambda made, single=single: setattr(
                    made, "post_processor", processors.TemplateProcessing(single=single)
                ),
                "TemplateProcessing",
            )
            for single in ("$A $A", "$B")
        ),
    ],
)
def test_what_is_not_served_has_a_reason(change, why):
    tokenizer = gpt2()
    change(tokenizer)
    assert why in served_encoding(tokenizer)
    with pytest.raises(UsageError, match=why):
        encode_batches(tokenizer, [["a"]], engine="compiled")


def test_an_unknown_engine_names_the_known_ones():
    with pytest.raises(UsageError) as caught:
        encode_batches(gpt2(), [["a"]], engine="compile")
    assert "compiled" in caught.value.fix


def test_no_texts_have_no_ids():
    encoded = encode_batches(gpt2(), [], engine="compiled")
    assert (len(encoded), encoded.ids.tolist(), encoded.starts.tolist()) == (0, [], [0])


def corpus(name, most=None):
    path = CORPORA / f"{name}.txt"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    with path.open(encoding="utf-8", newline="\n") as file:
        return [line for line in file.read(most).split("\n") if line]


@pytest.mark.parametrize("name", ["en", "ko", "code"])
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_the_beginning_of_real_text_has_the_librarys_ids(name, tokenizer):
    assert_equal(tokenizer_named(tokenizer), corpus(name, 20_000))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["en", "ko", "code"])
@pytest.mark.parametrize("tokenizer", ["gpt2", "llama3", "o200k", "bert"])
def test_whole_files_have_the_librarys_ids(name, tokenizer):
    made, texts = tokenizer_named(tokenizer), corpus(name)
    encoded = encode_batches(made, [texts], engine="compiled")
    for start in range(0, len(texts), 10_000):
        expected = made.encode_batch(texts[start : start + 10_000])
        flat = [at for each in expected for at in each.ids]
        assert encoded.ids[encoded.starts[start] : encoded.starts[start] + len(flat)].tolist() == flat
        assert np.diff(encoded.starts)[start : start + 10_000].tolist() == [
            len(each.ids) for each in expected
        ]
