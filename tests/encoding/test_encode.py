"""Encoding a text for eyes: unknown tokens are marked whatever the model calls them."""

import dataclasses
import itertools
import json
import statistics
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, processors
from tokenizers.pre_tokenizers import ByteLevel, Split

import tokbench as tb
from tokbench.encoding.encode import encode
from tokbench.errors import UsageError
from tokbench.pretrained.folder import load
from tokbench.recipes.build import build
from tokbench.recipes.presets import start_recipe


@pytest.mark.parametrize("algorithm", ["wordpiece", "unigram", "wordlevel"])
def test_unknown_tokens_are_marked_as_unknown(algorithm, tmp_path):
    tokenizer = build(
        start_recipe(algorithm, None, {"vocab_size": "200"}), [["a few plain words", "plain words"]]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    done = encode(load(tmp_path), "plain 한")
    model = json.loads(tokenizer.to_str())["model"]
    unknown = model["unk_id"] if algorithm == "unigram" else tokenizer.token_to_id(model["unk_token"])
    assert unknown in done.ids
    assert [number == unknown for number in done.ids] == list(done.unknown)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A byte-level BPE of 50,000 tokens, made by hand: each merge joins a token and a letter."""
    letters = sorted(ByteLevel.alphabet())
    vocab = dict.fromkeys(letters)
    merges = []
    for token in vocab_of_pairs(letters):
        merges.append((token[:-1], token[-1]))
        vocab[token] = None
    tokenizer = Tokenizer(models.BPE(vocab={token: at for at, token in enumerate(vocab)}, merges=merges))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["[PAD]"])
    folder = tmp_path_factory.mktemp("large")
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def vocab_of_pairs(letters):
    plain = [letter for letter in letters if letter.isascii()]
    pairs = [one + two for one in letters for two in letters]
    return itertools.islice(
        itertools.chain(pairs, (pair + third for pair in pairs for third in plain)), 49_744
    )


TEXT = "The ward smelled of lemon."


def median_seconds(work):
    work()  # what is made once is made here
    return statistics.median(timeit.timeit(work, number=1) for _ in range(50))


@pytest.mark.parametrize("limited", [False, True])
def test_one_text_costs_what_the_librarys_encode_costs(large, limited):
    folder = tb.load(large)
    if limited:
        folder.tokenizer.enable_truncation(4)
        folder.tokenizer.enable_padding(length=16)
    before = folder.tokenizer.to_str()
    assert folder.tokenizer.get_vocab_size() == 50_001
    assert median_seconds(lambda: tb.encode(folder, TEXT)) < 0.0004
    assert median_seconds(lambda: tb.encode(folder, TEXT, max_length=4)) < 0.0004
    assert folder.tokenizer.to_str() == before
    assert tb.encode(folder, TEXT).ids == tuple(load(large).tokenizer.encode(TEXT).ids)


@pytest.mark.parametrize("kind", ["tokenizers", "transformers", "Unigram", "Trained"])
def test_one_text_costs_no_more_for_a_tokenizer_of_a_library(large, kind):
    held = Tokenizer.from_file(str(large / "tokenizer.json"))
    if kind == "transformers":
        held = pytest.importorskip("transformers").PreTrainedTokenizerFast(tokenizer_object=held)
    if kind == "Unigram":
        pieces = [(token, -float(at)) for token, at in held.get_vocab().items()]
        held = Tokenizer(models.Unigram(pieces, unk_id=0))
    if kind == "Trained":
        held = tb.train(["a few plain words"], "bpe", vocab_size=300)
    assert median_seconds(lambda: tb.encode(held, TEXT)) < 0.0004
    assert median_seconds(lambda: tb.decode(held, [5, 6, 7])) < 0.0004


def test_a_token_added_to_a_unigram_is_seen_by_the_next_call():
    held = Tokenizer(models.Unigram([("<unk>", 0.0), ("a", -1.0)], unk_id=0))
    assert tb.encode(held, "ab").unknown == (False, True)
    held.add_special_tokens(["[X]"])
    held.model = models.Unigram([("a", -1.0), ("<unk>", 0.0)], unk_id=1)
    assert tb.encode(held, "ab[X]").unknown == (False, True, False)


WORDS = {word: at for at, word in enumerate(["[UNK]", "[CLS]", "[SEP]", "the", "cat", "sat", "Ġthe", "Ġcat"])}
TEMPLATE = processors.TemplateProcessing(
    single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
)
PROCESSORS = {
    "none": None,
    "template": TEMPLATE,
    "bert": processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1)),
    "roberta": processors.RobertaProcessing(("[SEP]", 2), ("[CLS]", 1)),
    "byte-level": processors.ByteLevel(trim_offsets=True),
    "sequence": processors.Sequence([processors.ByteLevel(trim_offsets=True), TEMPLATE]),
}
FIELDS = ("ids", "tokens", "type_ids", "attention_mask", "special_tokens_mask")


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", PROCESSORS)
@given(
    text=st.text("cat seh[]CLSP", max_size=30),
    pair=st.none() | st.text("cat seh", max_size=30),
    max_length=st.integers(0, 20),
    special=st.booleans(),
)
def test_truncation_is_the_librarys(name, side, text, pair, max_length, special):
    library = Tokenizer(models.WordPiece(WORDS, unk_token="[UNK]"))
    library.pre_tokenizer = ByteLevel(add_prefix_space=False)
    library.add_special_tokens(["[CLS]", "[SEP]"])
    if PROCESSORS[name]:
        library.post_processor = PROCESSORS[name]
    folder = tb.load(library)
    folder.config["truncation_side"] = side
    around = library.num_special_tokens_to_add(is_pair=pair is not None) if special else 0
    if max_length < around:
        with pytest.raises(tb.TokbenchError, match=f"no room for the {around} special tokens"):
            tb.encode(folder, text, pair=pair, max_length=max_length, special=special)
        return
    found = tb.encode(folder, text, pair=pair, max_length=max_length, special=special)
    library.enable_truncation(max_length, direction=side)
    wanted = library.encode(text, pair, add_special_tokens=special)
    compared = FIELDS if side == "left" else (*FIELDS, "offsets")
    assert {each: list(getattr(found, each)) for each in compared} == {
        each: list(getattr(wanted, each)) for each in compared
    }


def test_every_field_is_as_long_as_the_ids():
    trained = tb.train(["the cat sat on the mat"] * 9, "wordpiece", vocab_size=60)
    whole, cut = tb.encode(trained, "the cat sat"), tb.encode(trained, "the cat sat", max_length=4)
    assert cut.tokens == ("[CLS]", "the", "cat", "[SEP]")
    assert {len(getattr(cut, each.name)) for each in dataclasses.fields(cut)} == {4}
    assert tb.encode(trained, "the cat sat", max_length=len(whole.ids)) == whole
    assert list(tb.encode(trained, ["the cat sat", "the"], max_length=4)) == [cut, tb.encode(trained, "the")]


def test_truncation_and_padding_that_a_file_holds_are_of_no_effect(tmp_path):
    tokenizer = build(start_recipe("bpe", None, {"vocab_size": "300"}), [["a few plain words"]])
    plain = tuple(tokenizer.encode("a few plain words").ids)
    for name, change in {
        "padding": lambda: tokenizer.enable_padding(length=50),
        "truncation": lambda: tokenizer.enable_truncation(2),
    }.items():
        tokenizer.no_padding()
        change()
        tokenizer.save(str(tmp_path / f"{name}.json"))
        assert encode(load(tmp_path / f"{name}.json"), "a few plain words").ids == plain


def test_a_text_on_which_a_pattern_runs_away_is_an_error_in_one_sentence(make_folder, capfd):
    tokenizer = Tokenizer(models.WordLevel({"a": 0}, "a"))
    tokenizer.pre_tokenizer = Split(Regex("(a+)+$"), "isolated")
    folder = make_folder(tokenizer)
    with pytest.raises(UsageError, match="cannot encode this text: Onig: Regex search error") as caught:
        encode(folder, "a" * 40 + "!")
    assert caught.value.fix == f"tokbench check {folder.name}"
    assert capfd.readouterr().err == ""  # the panic's own report is held back
