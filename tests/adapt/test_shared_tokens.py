"""Tokens of two families that spell the same, and special tokens that play the same part."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from tokbench.adapt.starts.shared_tokens import Canonical, CanonicalSpeller, Vocabulary, counterparts, shared
from tokbench.native.byte_alphabet import byte_characters
from tokbench.pretrained.folder import TokenizerFolder


def folder(library, **roles):
    return TokenizerFolder("tok", "tok", library, json.loads(library.to_str()), {}, roles)


def numbered(*tokens):
    return {token: at for at, token in enumerate(tokens)}


def bert(*tokens):
    made = Tokenizer(models.WordPiece(numbered("[UNK]", *tokens), unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def byte_level(*tokens, merges=()):
    made = Tokenizer(models.BPE(numbered(*byte_characters(), *tokens), list(merges)))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return made


def metaspace(*tokens):
    pieces = [("<unk>", 0.0), *((token, -1.0 * len(tokens) / len(token)) for token in tokens)]
    made = Tokenizer(models.Unigram(pieces, unk_id=0))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    return made


def speller(library):
    return CanonicalSpeller(json.loads(library.to_str())).spelling


@pytest.mark.parametrize(
    ("library", "token", "begins", "spelt"),
    [
        (bert(), "cat", True, "cat"),
        (bert(), "##s", False, "s"),
        (bert(), "##", True, "##"),
        (byte_level(), "Ġcat", True, "cat"),
        (byte_level(), "cat", False, "cat"),
        (byte_level(), "Ġ", False, " "),
        (byte_level(), "ĠĠcat", False, "  cat"),
        (byte_level(), "íķľ", False, "한"),
        (metaspace(), "▁cat", True, "cat"),
        (metaspace(), "s", False, "s"),
        (metaspace(), "▁", False, " "),
        (Tokenizer(models.BPE({}, [], end_of_word_suffix="</w>")), "cat</w>", True, "cat"),
        (Tokenizer(models.BPE({}, [], end_of_word_suffix="</w>")), "ca", False, "ca"),
        (Tokenizer(models.WordLevel({}, "?")), "cat", True, "cat"),
        (Tokenizer(models.BPE({}, [])), "cat", False, "cat"),
    ],
)
def test_a_token_spells_the_same_in_every_family(library, token, begins, spelt):
    assert speller(library)(token) == Canonical(begins, spelt.encode())


def test_a_byte_piece_spells_its_byte():
    library = Tokenizer(models.BPE({"<0xED>": 0}, [], byte_fallback=True))
    assert speller(library)("<0xED>") == Canonical(False, b"\xed")
    assert Canonical(False, b"\xed").text == ""


def test_tokens_are_shared_across_families():
    old, new = Vocabulary(folder(bert("cat", "##s"))), Vocabulary(folder(metaspace("▁cat", "s", "▁hat")))
    assert shared(new, old) == {new.ids["▁cat"]: old.ids["cat"], new.ids["s"]: old.ids["##s"]}
    assert shared(old, old) == {number: number for token, number in old.ids.items() if token != "[UNK]"}


def test_an_id_without_a_row_is_not_shared():
    assert shared(Vocabulary(folder(bert("cat"))), Vocabulary(folder(bert("hat", "cat")), rows=2)) == {}


def pieces(old, *spellings):
    vocabulary = Vocabulary(folder(old))
    names = {number: token for token, number in vocabulary.ids.items()}
    return [[names[each] for each in ids] for ids in vocabulary.pieces(spellings)]


def test_pieces_know_case_words_and_what_continues_them():
    old = bert("cat", "##cat", "##s", "un", "##un", "a")
    found = pieces(
        old,
        Canonical(True, b"CAT"),  # by its lower-case token
        Canonical(False, b"cats"),  # inside a word
        Canonical(True, b"cats"),
        Canonical(False, b"a"),  # only at the beginning of a word
        Canonical(True, "漢".encode()),  # unknown
    )
    assert found == [["cat"], ["##cat", "##s"], ["cat", "##s"], ["a"], []]


def test_pieces_of_spaced_families_keep_the_space():
    old = byte_level("Ġc", "ca", merges=[("Ġ", "c"), ("c", "a")])
    found = pieces(old, Canonical(True, b"cb"), Canonical(False, b"cb"), Canonical(False, b"\xed\x95"))
    assert found == [["Ġc", "b"], ["c", "b"], ["í", "ķ"]]


def test_one_token_of_the_text_goes_before_several_wherever_it_stands_in_a_word():
    old = byte_level("Ġc", "ca", merges=[("Ġ", "c"), ("c", "a")])
    assert pieces(old, Canonical(True, b"ca")) == [["ca"]]


def special(library, *tokens):
    library.add_special_tokens([AddedToken(token, special=True) for token in tokens])
    return library


def test_special_tokens_meet_by_their_roles():
    old = folder(
        special(bert("x"), "[PAD]", "[CLS]", "[SEP]", "[MASK]"),
        unk="[UNK]", pad="[PAD]", cls="[CLS]", sep="[SEP]", mask="[MASK]",
    )  # fmt: skip
    new = folder(special(byte_level(), "<s>", "</s>", "<pad>", "<x>"), bos="<s>", eos="</s>", pad="<pad>")
    one, other = Vocabulary(new), Vocabulary(old)
    found = counterparts(one, other)
    names = {number: token for token, number in other.ids.items()}
    assert {token: names[found.ids[one.ids[token]]] for token in ("<s>", "</s>", "<pad>")} == {
        "<s>": "[CLS]", "</s>": "[SEP]", "<pad>": "[PAD]",
    }  # fmt: skip
    assert (found.alone, found.gone) == (("<x>",), ("unk", "mask"))


def test_one_token_of_several_roles_takes_a_role_that_both_have():
    old = folder(special(bert("x"), "<b>", "<e>"), bos="<b>", eos="<e>")
    new = folder(special(byte_level(), "<|endoftext|>"), unk="<|endoftext|>", eos="<|endoftext|>")
    one, other = Vocabulary(new), Vocabulary(old)
    assert counterparts(one, other).ids == {one.ids["<|endoftext|>"]: other.ids["<e>"]}


def test_special_tokens_of_one_spelling_meet():
    one, other = (Vocabulary(folder(special(made, "<|im_end|>"))) for made in (byte_level(), bert("x")))
    assert counterparts(one, other).ids == {one.ids["<|im_end|>"]: other.ids["<|im_end|>"]}
