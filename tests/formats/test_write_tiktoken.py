"""Export to tiktoken: the ids of tiktoken itself from the module written, and the rule of each refusal."""

import json

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

import tokbench as tb
from tests.formats.texts import EVERY
from tokbench.errors import UsageError
from tokbench.formats.write_tiktoken import RANKS
from tokbench.pretrained.folder import load

WORDS = r"\p{L}+|\p{N}{1,2}|[^\p{L}\p{N}]"


def byte_level(trained, *, cutter=None, **options):
    """The trained merges again, cut by a pattern of our own."""
    model = json.loads(trained.to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=model["vocab"], merges=merges, **options))
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    cutter = cutter or pre_tokenizers.Split(Regex(WORDS), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cutter, letters])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


@pytest.mark.parametrize("behaviour", [("isolated", False), ("removed", True)])
def test_the_files_read_back_are_the_tokenizer(behaviour, trained_bytes, tmp_path):
    split = pre_tokenizers.Split(Regex(WORDS), behaviour[0], invert=behaviour[1])
    tokenizer = byte_level(trained_bytes, cutter=split)
    exported = tb.export(tokenizer, tmp_path / "out", to="tiktoken")
    assert exported.files == ("encoding.json", "load_encoding.py", RANKS)
    back = load(tmp_path / "out")
    assert "pattern of encoding.json" in back.found.said
    for text in (*EVERY, "a<|endoftext|>b"):
        assert back.tokenizer.encode(text).ids == tokenizer.encode(text).ids, text


def test_what_is_written_again_has_the_same_bytes(trained_bytes, tmp_path):
    tb.export(byte_level(trained_bytes), tmp_path / "one", to="tiktoken")
    tb.convert(tmp_path / "one", tmp_path / "folder")
    tb.export(tmp_path / "folder", tmp_path / "two", to="tiktoken")
    tb.convert(tmp_path / "two", tmp_path / "again")
    for name in (f"one/{RANKS}", "folder/tokenizer.json", "folder/tokenizer_config.json"):
        first, _, rest = name.partition("/")
        other = {"one": "two", "folder": "again"}[first]
        assert (tmp_path / name).read_bytes() == (tmp_path / other / rest).read_bytes(), name


def test_tiktoken_itself_gives_the_ids_also_of_special_tokens(trained_bytes, tmp_path):
    pytest.importorskip("tiktoken", reason="the package tiktoken is an extra")
    proof = tb.export(byte_level(trained_bytes), tmp_path / "out", to="tiktoken").proof
    assert (proof.package, proof.differing) == ("tiktoken", 0)
    assert proof.texts == tb.convert(tmp_path / "out", tmp_path / "folder").proof.texts + 1


def with_added(tokenizer, *tokens):
    tokenizer.add_tokens(list(tokens))
    return tokenizer


def with_normalizer(tokenizer):
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer


def with_cutter(tokenizer, *cutters):
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(list(cutters))
    return tokenizer


LETTERS = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
DIGITS = pre_tokenizers.Split(Regex(r"\d"), "isolated")
ADDED = {"special": True, "normalized": False}
# What is done to the tokenizer, and the rule that the refusal names.
REFUSED = {
    "a normalizer": (with_normalizer, "its normalizer NFC changes texts"),
    "no bytes": (lambda each: with_cutter(each, DIGITS), "its last pre_tokenizer is Split, not ByteLevel"),
    "a space put in": (
        lambda each: with_cutter(each, pre_tokenizers.ByteLevel(add_prefix_space=True)),
        "add_prefix_space puts a space before a text",
    ),
    "two splits": (lambda each: with_cutter(each, DIGITS, DIGITS, LETTERS), "texts are cut 2 times"),
    "no split": (lambda each: with_cutter(each, LETTERS), "texts are cut 0 times"),
    "a split and a pattern": (
        lambda each: with_cutter(each, DIGITS, pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "texts are cut 2 times",
    ),
    "a split that removes": (
        lambda each: with_cutter(each, pre_tokenizers.Split(Regex(" "), "removed"), LETTERS),
        "its Split is Removed,",
    ),
    "a split that merges": (
        lambda each: with_cutter(each, pre_tokenizers.Split(Regex(" "), "merged_with_next"), LETTERS),
        "its Split is MergedWithNext,",
    ),
    "digits": (
        lambda each: with_cutter(each, pre_tokenizers.Digits(), LETTERS),
        "texts are cut by Digits",
    ),
    "added text": (lambda each: with_added(each, "zebra"), "1 added token such as 'zebra' is text"),
    "added texts": (lambda each: with_added(each, "zebra", "gnu"), "2 added tokens such as 'zebra' are text"),
    "a token that eats spaces": (
        lambda each: with_added(each, AddedToken("<mask>", lstrip=True, **ADDED)),
        "'<mask>' takes spaces",
    ),
    "a token inside another": (
        lambda each: with_added(each, AddedToken("<x>", **ADDED), AddedToken("<x>y", **ADDED)),
        "'<x>' begins '<x>y'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_what_tiktoken_cannot_hold_is_refused_by_its_rule(fault, trained_bytes, tmp_path):
    change, rule = REFUSED[fault]
    with pytest.raises(UsageError) as caught:
        tb.export(change(byte_level(trained_bytes)), tmp_path / "out", to="tiktoken")
    assert rule in caught.value.message
    assert caught.value.fix.startswith("tokbench export tokenizer --to transformers4 -o ")
    assert not (tmp_path / "out").exists()


def of(vocabulary, merges, **options):
    """Byte-level BPE of all bytes but for those left out, and these tokens and merges."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *vocabulary]
    model = models.BPE({token: at for at, token in enumerate(tokens)}, merges, **options)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def without_a_byte(tokenizer):
    spec = json.loads(tokenizer.to_str())
    del spec["model"]["vocab"]["!"]
    return Tokenizer.from_str(json.dumps(spec))


RULES = {
    "merges against ids": (
        lambda: of(["bc", "ab", "abc"], [("a", "b"), ("b", "c"), ("ab", "c")]),
        "the merge of 'bc' stands behind that of 'ab', which has the higher id",
    ),
    "a dead token": (
        lambda: of(["bc", "ab", "abc"], [("b", "c"), ("a", "b"), ("ab", "c")]),
        "the token 'abc' is merged of other parts than 'a' and 'bc'",
    ),
    "a token without its merge": (
        lambda: of(["ab", "cd", "abcd"], [("a", "b"), ("c", "d")]),
        "the token 'abcd' is dead: no merge makes it, and its id would make one",
    ),
    "a token that only whole words are": (
        lambda: of(["ab", "abxyz"], [("a", "b")]),
        "1 token such as 'abxyz' is dead",
    ),
    "a missing byte": (lambda: without_a_byte(of(["ab"], [("a", "b")])), "it has none for 0x21"),
    "dropout": (lambda: of(["ab"], [("a", "b")], dropout=0.5), "dropout 0.5 leaves merges out"),
    "a suffix": (lambda: of(["b</w>"], [], end_of_word_suffix="</w>"), "end_of_word_suffix '</w>' is no"),
    "letters that are none": (lambda: of(["한"], []), "its token '한' is not spelt in letters"),
    "another model": (lambda: Tokenizer(models.Unigram([("a", 0.0)], 0)), "its model is Unigram"),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_ranks_that_would_give_other_ids_are_refused_by_their_rule(rule, tmp_path):
    make, sentence = RULES[rule]
    with pytest.raises(UsageError) as caught:
        tb.export(make(), tmp_path / "out", to="tiktoken")
    assert sentence in caught.value.message


@pytest.mark.parametrize("options", [{}, {"ignore_merges": True}])
def test_a_second_merge_of_a_token_is_never_met_and_does_no_harm(options, tmp_path):
    merges = [("a", "b"), ("b", "c"), ("ab", "c"), ("a", "bc")]
    tokenizer = of(["ab", "bc", "abc"], merges, **options)
    back = load_of(tokenizer, tmp_path)
    for text in ("abcabc aabc bcbc abbc", *EVERY):
        assert back.encode(text).ids == tokenizer.encode(text).ids, text


def load_of(tokenizer, folder):
    tb.export(tokenizer, folder / "out", to="tiktoken")
    return load(folder / "out").tokenizer


def test_a_token_that_only_whole_words_are_is_kept_where_the_library_takes_it_too(tmp_path):
    tokenizer = of(["ab", "abxyz"], [("a", "b")], ignore_merges=True)
    back = load_of(tokenizer, tmp_path)
    for text in ("abxyz", "abxyzz abxyz"):
        assert back.encode(text).ids == tokenizer.encode(text).ids, text
