"""Every pipeline that the compiled loops serve gives the library's words and ids, whatever the texts are."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from tests.laws import laws
from tests.laws.random_cases import Case, blank
from tokbench.encoding.encode_texts import served_encoding
from tokbench.native import scanner
from tokbench.native.corpus_encoder import cut_text
from tokbench.native.scanner import SPLITTERS, scanner_for

pytest.importorskip("numba")

# For every row of the table, the options with which it is served; a row without any here fails a test.
SPLITS = {
    ("ByteLevel",): [({"add_prefix_space": prefix},) for prefix in (True, False)],
    ("BertPreTokenizer",): [({},)],
    ("Whitespace",): [({},)],
    ("WhitespaceSplit",): [({},)],
    ("Metaspace",): [({"prepend_scheme": scheme},) for scheme in ("always", "first", "never")],
    ("WhitespaceSplit", "Metaspace"): [({}, {"prepend_scheme": scheme}) for scheme in ("always", "never")],
    ("Split", "ByteLevel"): [
        (
            {"regex": regex, "behavior": behavior, "invert": invert},
            {"add_prefix_space": False, "use_regex": False},
        )
        for regex, (behavior, invert) in product(SPLITTERS, [("isolated", False), ("removed", True)])
    ],
}
NORMALIZERS = {
    "NFC": [{}],
    "NFKC": [{}],
    "Lowercase": [{}],
    "BertNormalizer": [
        {},
        {"lowercase": False},
        {"clean_text": False, "strip_accents": False},
        {"lowercase": False, "strip_accents": True, "handle_chinese_chars": False},
    ],
}
SEQUENCES = [
    [],
    *([{"type": name, **options}] for name, several in NORMALIZERS.items() for options in several),
    [{"type": "NFC"}, {"type": "BertNormalizer", "strip_accents": False}],
    [{"type": "NFC"}, {"type": "Lowercase"}],
    [{"type": "Lowercase"}, {"type": "NFKC"}],
]
MODELS = [
    ("bpe", {}, {}),
    ("bpe", {"fuse_unk": True}, {"end_of_word_suffix": "</w>"}),
    ("bpe", {"ignore_merges": True}, {}),
    ("bpe", {"byte_fallback": True}, {}),
    ("wordpiece", {"max_input_chars_per_word": 9}, {}),
    ("wordlevel", {}, {}),
]
NAMED = [
    (names, options)
    for names, several in SPLITS.items()
    for options in several
]  # fmt: skip
CORPUS = (
    "the quick brown fox doesn't jump over the lazy dogs, and 12345 'll see",
    "tokenizers tokenize tokens; the tokenizer's tokens are tokenized",
    "def tokenize(self, text):\n\treturn [self.vocab[each] for each in text]",
    "한국어 문장을 토큰으로 나누는 토크나이저, 토큰 토큰",
    "Ünïcödé café naïve ÉCOLE, łódź 中文字符 日本語のテキスト <0x0A> <0x41>",
    "a b the a b the a",
)
TOKENS = ("<|end|>", "Tést", "ab", " b", "[MASK]")
CHARACTERS = (
    list(" \t\n\r\x0b\x1c\x1f\x85\xa0\u2003\u2028\u3000\u200b\u200d\ufeff\x00\x7f\xad!'’sStTrElLdD._")
    + list("-▁Ġ#<>[]½٣45ª")
    + list("éÉe\u0301\u0323\u0345")
    + list("Å\u212bßıİǅſﬁΣς①½ﷺ｜ｶﾞ\u0344\u0958\u3164ㅏㄱ\ufe70")
    + list("가각\u1100\u1161\u11a8ㅋ中〇\u093e\u05b0א\ufffd🦊👩👩🏽\U0001d165ÿ")
    + list("\ue000\U000f0000\u0378\U0002f800\U000e0001\U0010ffff")
)
LONG = st.sampled_from(
    ["a" * 300, "가" * 120, "token" * 90, "ab " * 40, "é" * 5000, "x" * 16_380 + " the cat"]
)
PIECES = st.one_of(
    st.text(st.one_of(st.sampled_from(CHARACTERS), st.characters(codec="utf-8")), max_size=6),
    st.sampled_from(
        [*TOKENS, "the", "tokenizer", " tokens", "한국어", "中 中", "dogs,", "  ", "\n", "TÉST", "te\u0301st"]
    ),
    st.sampled_from(["the", " ", "  ", "\n", "\x1f", "a"]),
)
TEXTS = st.lists(st.lists(PIECES, max_size=6).map("".join) | LONG, max_size=9).map(tuple)
FLAGS = st.fixed_dictionaries(
    {name: st.booleans() for name in ("lstrip", "rstrip", "single_word", "normalized", "special")}
)
ADDED = st.lists(st.tuples(st.sampled_from(TOKENS), FLAGS), max_size=3, unique_by=lambda each: each[0])
DELETING = ("\x1fb", "\x00the", "\u0301a", "\ufffda", "\x7f▁a", "\x1f", " b")


def case_of(names, options, *, model=MODELS[0], normalizers=(), added=(), texts=()):
    """A case with this pipeline, trained on a few lines."""
    algorithm, of_model, of_trainer = model
    return Case(
        algorithm=algorithm,
        vocab_size=420,
        normalizers=tuple(normalizers),
        pre_tokenizers=tuple({"type": name, **each} for name, each in zip(names, options, strict=True)),
        model=of_model,
        trainer=of_trainer,
        post_processor={"type": "TemplateProcessing", "single": "[UNK] $A [UNK]", "pair": "$A $B"},
        special=({"content": "[UNK]", "special": True, "normalized": False},),
        added=tuple({"content": content, **flags} for content, flags in added),
        corpus=CORPUS,
        texts=texts,
    )


def test_every_row_of_the_table_has_a_law_and_no_other_is_served():
    assert SPLITS.keys() == scanner.PRE_TOKENIZERS.keys()
    assert NORMALIZERS.keys() == {*scanner.NORMALIZERS}
    for names, options in NAMED:
        assert not isinstance(scanner_for(blank(case_of(names, options))), str), (names, options)


@pytest.mark.parametrize(("names", "options"), NAMED, ids=lambda each: "-".join(map(str, each))[:60])
@settings(max_examples=15, deadline=None)
@given(
    model=st.sampled_from(MODELS),
    normalizers=st.sampled_from(SEQUENCES),
    added=ADDED,
    texts=TEXTS,
    special=st.booleans(),
)
@example(
    model=MODELS[0], normalizers=[], added=[], texts=("the cat sat", "\n", "", " a  b ", "c"), special=True
)
@example(model=MODELS[0], normalizers=[{"type": "BertNormalizer"}], added=[], texts=DELETING, special=False)
@example(
    model=MODELS[5],
    normalizers=[{"type": "NFC"}],
    added=[],
    texts=("\u0344a", "e\u0301", "\u0345\u0301"),
    special=True,
)
def test_words_and_ids_are_the_librarys(names, options, model, normalizers, added, texts, special):
    case = case_of(names, options, model=model, normalizers=normalizers, added=added, texts=texts)
    made = laws.made_by_library(case)
    laws.counting(made, (*texts, *CORPUS))
    laws.encoding(made, texts, special=special)


BLANKS = {"type": "Replace", "pattern": " ", "content": "▁"}
MARK = {"type": "Prepend", "prepend": "▁"}
MARKED = st.lists(
    st.sampled_from(
        ["▁", " ", "  ", "> </", ">", "</", "the", "é", "한국어", "中", "\n", "\t", "<0x41>", "🦊"]
    ),
    max_size=9,
).map("".join)


@pytest.mark.parametrize("normalizers", [(BLANKS,), (MARK, BLANKS), (BLANKS, MARK)])
@pytest.mark.parametrize("fallback", [True, False])
@settings(max_examples=20, deadline=None)
@given(
    added=ADDED,
    texts=st.tuples(TEXTS, st.lists(MARKED, max_size=6)).map(lambda both: (*both[0], *both[1])),
    special=st.booleans(),
)
@example(added=[], texts=("", " ", "▁", " a", "a  b", "a > </b", "the  cat ", "é 中 한국어"), special=True)
def test_ids_of_whole_texts_are_the_librarys(normalizers, fallback, added, texts, special):
    model = ("bpe", {"byte_fallback": fallback, "fuse_unk": fallback}, {})
    case = case_of((), (), model=model, normalizers=normalizers, added=added, texts=texts)
    made = laws.made_by_library(replace(case, whole_texts=True, corpus=(*CORPUS, "a > </b> > </" * 3)))
    assert isinstance(scanner_for(made), str)
    served = laws.encoding(made, texts, special=special)
    wanted = laws.library_ids(made, texts, special=special) is not None
    assert served == (wanted and not any(flags["normalized"] for _, flags in added))


OVERLAPPING = ("ab", "abc", "a", "\t", "<s>", "<s><s>", "한", " x", "\n")


@pytest.mark.parametrize(
    ("names", "options", "model", "normalizers"),
    [
        (("ByteLevel",), ({"add_prefix_space": True},), MODELS[0], ()),
        (("Metaspace",), ({"prepend_scheme": "always"},), MODELS[3], ({"type": "NFC"},)),
        (("Metaspace",), ({"prepend_scheme": "first"},), MODELS[3], ()),
        (("BertPreTokenizer",), ({},), MODELS[4], ({"type": "BertNormalizer"},)),
        ((), (), MODELS[3], (MARK, BLANKS)),
    ],
)
@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(
        st.lists(st.sampled_from([*OVERLAPPING, "abd", "the", "e\u0301", " ", "<s", "中"]), max_size=9).map(
            "".join
        ),
        max_size=7,
    ).map(tuple),
    special=st.booleans(),
)
@example(texts=("xabcab<s><s><s>", "", "a", "\t\ta x x"), special=True)
def test_texts_are_encoded_around_added_tokens_as_the_library_does(
    names, options, model, normalizers, texts, special
):
    added = [(each, {"normalized": False, "special": "<" in each}) for each in OVERLAPPING]
    case = case_of(names, options, model=model, normalizers=normalizers, added=added, texts=texts)
    made = laws.made_by_library(replace(case, whole_texts=not names))
    assert laws.encoding(made, texts, special=special)
    parted = served_encoding(made).added_ids
    assert bool(parted) == (options != ({"prepend_scheme": "first"},))


def test_merges_over_a_blank_leave_a_text_uncut_or_to_the_library():
    over = {"▁": 0, ">": 1, "<": 2, "a": 3, "▁<": 4, ">▁<": 5, "<0x41>": 6, "<0x41>▁<": 7}
    for merges, served in (
        ([("▁", "<"), (">", "▁<")], True),
        ([("▁", "<"), ("<0x41>", "▁<")], False),
    ):
        library = Tokenizer(models.BPE(over, merges, byte_fallback=True))
        library.normalizer = normalizers.Replace(" ", "▁")
        texts = ("> <", "a <> < <", ">  < >", "A <a", "> < " * 9)
        assert laws.encoding(library, texts, special=False) == served
    assert "joins a byte with the blank" in served_encoding(library)


def test_a_text_that_is_cut_or_normalized_otherwise_is_no_whole_text():
    vocabulary = {"▁": 0, "a": 1, "a▁": 2}
    for make in (
        lambda made: setattr(made, "pre_tokenizer", pre_tokenizers.Split("a", "isolated")),
        lambda made: setattr(made, "normalizer", normalizers.Sequence([made.normalizer, normalizers.NFD()])),
        lambda made: setattr(made, "model", models.BPE(vocabulary, [], ignore_merges=True)),
        lambda made: setattr(made, "model", models.BPE({"a": 0}, [])),
    ):
        library = Tokenizer(models.BPE(vocabulary, [("a", "▁")]))
        library.normalizer = normalizers.Replace(" ", "▁")
        assert not isinstance(served_encoding(library), str)
        make(library)
        assert isinstance(served_encoding(library), str)


@pytest.mark.parametrize("scheme", ["always", "first", "never"])
def test_every_character_that_a_normalizer_changes_may_begin_a_text(scheme):
    """The ▁ of Metaspace's `first` hangs on where the library takes the first character to be from."""
    kept = {"type": "BertNormalizer", "clean_text": False, "strip_accents": False}
    for steps in ([{"type": "NFC"}], [{"type": "Lowercase"}], [kept], [{"type": "BertNormalizer"}]):
        how = ({"prepend_scheme": scheme},)
        case = case_of(("Metaspace",), how, model=MODELS[5], normalizers=steps)
        step = scanner.normalizing(blank(case).normalizer.__getstate__())
        changed = [code for code in step.actions.nonzero()[0].tolist() if not 0xD800 <= code < 0xE000]
        texts = [f"{chr(code)}b" for code in changed if code < 0x110000]
        assert len(texts) > 500
        deletes = steps == [{"type": "BertNormalizer"}]
        assert laws.counting(blank(case), texts) == (scheme != "first" or not deletes)


def test_what_no_law_proves_is_not_served():
    first = case_of(("WhitespaceSplit", "Metaspace"), ({}, {"prepend_scheme": "first"}))
    assert "no compiled form" in served_encoding(laws.made_by_library(first))
    deleted = case_of(
        ("Metaspace",), ({"prepend_scheme": "first"},), normalizers=[{"type": "BertNormalizer"}]
    )
    assert "first character" in served_encoding(laws.made_by_library(deleted))
    for kind in (models.BPE(dropout=0.1), models.Unigram([("a", -1.0)], unk_id=0)):
        other = Tokenizer(kind)
        other.pre_tokenizer = blank(first).pre_tokenizer
        assert isinstance(served_encoding(other), str)


@pytest.mark.parametrize("token", [" ab", "ab cd", "ab "])
@pytest.mark.parametrize("flag", ["single_word", "lstrip", "rstrip", "normalized"])
def test_a_long_text_is_not_cut_where_an_added_token_looks_across(token, flag):
    """Found by the fuzzer: " ab" is no word of its own behind a letter, but is one where a text begins."""
    case = case_of(("WhitespaceSplit",), ({},), model=MODELS[5], added=[(token, {flag: True}), ("zq", {})])
    made = laws.made_by_library(case)
    assert laws.encoding(made, ("한국 ab", "a cat ab cd the fox", "zq ab  zq ab cd zq"), special=True)


@pytest.mark.parametrize("added", [[], [("cafe", {})]])
@pytest.mark.parametrize(("names", "options"), [*NAMED])
def test_a_long_text_is_not_cut_beside_a_character_that_the_normalizer_puts_spaces_around(
    names, options, added
):
    """Found by the fuzzer: the spaces around 中 and the blank behind it are one word to GPT-2's split."""
    texts = ("中 cafe", "中 中", "中中 cafe 中 中 cafe 中", "the 中  cafe 한국 cat")
    case = case_of(names, options, normalizers=[{"type": "BertNormalizer"}], added=added)
    made = laws.made_by_library(replace(case, corpus=(*CORPUS, *texts)))
    laws.encoding(made, texts, special=True)


def test_a_long_text_with_such_characters_is_cut_elsewhere():
    made = laws.made_by_library(case_of(("ByteLevel",), ({},), normalizers=[{"type": "BertNormalizer"}]))
    utf8 = "中 中 the cat 中 Ünder 한국 中 3".encode()
    pieces = [*cut_text(utf8, 1, served_encoding(made).stays_wordish)]
    assert [each.decode() for each in pieces] == ["中 中 the", " cat 中 Ünder", " 한국 中 3"]


def test_words_cut_by_white_space_each_have_their_blank_in_every_text_of_a_block():
    """Only the first word of a text had its ▁, and a text of white space alone the ids of another."""
    for scheme, model in product(("always", "never"), MODELS):
        texts = ("the cat sat", "\n", " a  b ", "", "the\ncat", "c")
        case = case_of(
            ("WhitespaceSplit", "Metaspace"), ({}, {"prepend_scheme": scheme}), model=model, texts=texts
        )
        made = laws.made_by_library(case)
        assert laws.encoding(made, texts, special=True)
        assert laws.encoding(made, tuple(text for text in texts if "\n" not in text) * 3, special=False)


def test_a_deleted_first_character_is_no_beginning():
    case = replace(
        case_of(("Metaspace",), ({"prepend_scheme": "first"},), normalizers=[{"type": "BertNormalizer"}]),
        corpus=("\x1fhello hello",) * 50,
        texts=DELETING,
    )
    for law in ("learning", "files", "comparing", "training"):
        laws.check(case, law)
