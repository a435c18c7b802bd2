"""Export to SentencePiece's .model: its ids, what comes back the same, and the rule of each refusal."""

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

import tokbench as tb
from tests.formats.sentencepiece_training import KINDS, MAPPED, trained
from tests.formats.texts import EVERY, TEXTS
from tokbench.errors import UsageError
from tokbench.pretrained.folder import load

spm = pytest.importorskip("sentencepiece", reason="the package sentencepiece is an extra")
pytest.importorskip("google.protobuf", reason="the package protobuf comes with the extra sentencepiece")


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_converted_exported_and_converted_again_has_the_same_bytes(kind, tmp_path):
    tb.convert(trained(tmp_path / "m.model", **KINDS[kind]), tmp_path / "one")
    exported = tb.export(tmp_path / "one", tmp_path / "out", to="sentencepiece")
    assert (exported.proof.package, exported.proof.differing, exported.notes) == ("sentencepiece", 0, ())
    tb.convert(tmp_path / "out", tmp_path / "two")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


@pytest.mark.parametrize("rule", MAPPED)
def test_a_table_of_characters_goes_along(rule, tmp_path):
    tb.convert(trained(tmp_path / "m.model", normalization_rule_name=rule), tmp_path / "one", allow=9)
    exported = tb.export(tmp_path / "one", tmp_path / "out", to="sentencepiece", prove=EVERY, allow=9)
    theirs = spm.SentencePieceProcessor(model_file=str(tmp_path / "m.model"))
    ours = spm.SentencePieceProcessor(model_file=str(tmp_path / "out" / "tokenizer.model"))
    assert [ours.encode(text) for text in EVERY] == [theirs.encode(text) for text in EVERY]
    # the library's Precompiled takes the first match of the table, SentencePiece the longest
    assert exported.proof.differing <= 2


def test_roles_have_the_ids_that_sentencepiece_tells(tmp_path):
    tb.convert(trained(tmp_path / "m.model", pad_id=3, **KINDS["unigram"]), tmp_path / "one")
    tb.export(tmp_path / "one", tmp_path / "out", to="sentencepiece")
    model = spm.SentencePieceProcessor(model_file=str(tmp_path / "out" / "tokenizer.model"))
    assert (model.unk_id(), model.bos_id(), model.eos_id(), model.pad_id()) == (0, 1, 2, 3)


@pytest.mark.parametrize("algorithm", ["unigram", "t5"])
def test_our_own_unigram_is_written_with_what_differs_said(algorithm, tmp_path):
    texts = [*TEXTS * 5, *(chr(letter) for letter in range(33, 127))]
    tok = tb.train(texts, algorithm, vocab_size=300)
    exported = tb.export(tok, tmp_path / "out", to="sentencepiece", prove=TEXTS, allow=5)
    assert exported.proof.differing <= 2  # the texts that end in a space or a line break
    assert any("Nmt and NFKC are not quite SentencePiece's table nmt_nfkc" in note for note in exported.notes)
    trailing = any("a space at the end of a text is a token here" in note for note in exported.notes)
    assert trailing == (algorithm == "unigram"), "T5's cut at white space leaves none"


def test_a_space_at_the_end_is_counted_and_shown(tmp_path):
    tok = tb.train([*TEXTS * 5, "a"], "unigram", vocab_size=300)
    exported = tb.export(tok, tmp_path / "out", to="sentencepiece", prove=["a cat ", "a cat"])
    assert not exported.passed
    assert exported.proof.first.text == "a cat "
    assert exported.proof.first.ours[-1] == "▁"
    assert exported.proof.first.theirs == exported.proof.first.ours[:-1]
    assert not (tmp_path / "out").exists()


def unigram(*pieces, normalizer=None, cutter=None, **options):
    vocabulary = [(piece, -float(at)) for at, piece in enumerate(("<unk>", "▁", *pieces))]
    tokenizer = Tokenizer(models.Unigram(vocabulary, **{"unk_id": 0, **options}))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = cutter or pre_tokenizers.Metaspace()
    return tokenizer


def bpe(tokens, merges, **options):
    vocabulary = {token: at for at, token in enumerate(("<unk>", "▁", "a", "b", "c", *tokens))}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, **{"unk_token": "<unk>", "fuse_unk": True, **options})
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    return tokenizer


def replace(sought, put):
    return normalizers.Replace(sought, put)


REFUSED = {
    "no unknown piece": (lambda: bpe([], [], unk_token=None), "it has no unknown token"),
    "dropout": (lambda: bpe(["ab"], [("a", "b")], dropout=0.5), "dropout 0.5"),
    "a prefix": (lambda: bpe([], [], continuing_subword_prefix="##"), "marked inside or at the end"),
    "another cut": (
        lambda: unigram(cutter=pre_tokenizers.Whitespace()),
        "texts are cut by Whitespace, and SentencePiece cuts at spaces written as ▁ only",
    ),
    "a regular expression": (
        lambda: unigram(cutter=pre_tokenizers.Split(Regex(r"\d"), "isolated")),
        "texts are cut by Split",
    ),
    "spaces that stay": (
        lambda: unigram(cutter=pre_tokenizers.Sequence([])),
        "spaces are not written as ▁",
    ),
    "another sign": (lambda: unigram(cutter=pre_tokenizers.Metaspace("_")), "spaces are written as _"),
    "another normalizer": (
        lambda: unigram(normalizer=normalizers.Lowercase()),
        "its normalizers Lowercase are no table of SentencePiece",
    ),
    "a word replaced": (
        lambda: unigram(normalizer=replace("``", '"')),
        "its normalizer replaces '``' by '\"'",
    ),
    "a space inside": (lambda: unigram("a▁b"), "1 piece such as 'a▁b' has a space inside"),
    "no piece for a space": (
        lambda: Tokenizer.from_str(unigram().to_str().replace('"▁",-1', '"_",-1')),
        "it has no piece ▁ for a space alone",
    ),
    "bytes left out": (lambda: unigram("<0x00>", byte_fallback=True), "it falls back to bytes and has 1 of"),
    "merges against scores": (
        lambda: bpe(["bc", "abc"], [("b", "c"), ("ab", "c")][:1]),
        "the token 'abc' is dead",
    ),
    "a token merged of other parts": (
        lambda: bpe(["ab", "bc", "abc"], [("b", "c"), ("a", "b"), ("ab", "c")]),
        "the token 'abc' is merged of other parts than 'a' and 'bc'",
    ),
    "another model": (lambda: Tokenizer(models.WordLevel({"a": 0}, "a")), "its model is WordLevel"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_what_no_model_of_sentencepiece_holds_is_refused_by_its_rule(fault, tmp_path):
    make, rule = REFUSED[fault]
    with pytest.raises(UsageError) as caught:
        tb.export(make(), tmp_path / "out", to="sentencepiece")
    assert rule in caught.value.message
    assert "--to transformers4" in caught.value.fix
    assert not (tmp_path / "out").exists()


def test_ids_with_a_hole_are_refused(tmp_path):
    tokenizer = bpe(["ab"], [("a", "b")])
    text = tokenizer.to_str().replace('"ab":5', '"ab":7')
    with pytest.raises(UsageError, match="a piece's place is its id, and no token has id 5"):
        tb.export(Tokenizer.from_str(text), tmp_path / "out", to="sentencepiece")


def test_added_text_becomes_user_defined_and_special_tokens_control(tmp_path):
    tokenizer = bpe(["ab"], [("a", "b")])
    tokenizer.add_tokens(["ca"])
    tokenizer.add_special_tokens([AddedToken("<end>", special=True, normalized=False)])
    proved = tb.export(tokenizer, tmp_path / "out", to="sentencepiece", prove=["abcab", "cab a<b>"]).proof
    assert (proved.differing, proved.texts) == (0, 3)
    model = spm.SentencePieceProcessor(model_file=str(tmp_path / "out" / "tokenizer.model"))
    assert model.encode("abcab") == [5, 6, 3]
    assert model.is_control(7)


def test_metaspace_before_a_text_with_a_space_is_said_and_counted(tmp_path):
    exported = tb.export(unigram("a"), tmp_path / "out", to="sentencepiece", prove=[" a", "a"])
    assert exported.proof.differing == 1
    assert exported.notes == (
        "before a text that begins with a space SentencePiece puts another ▁, not so here",
    )


def test_an_older_folders_added_tokens_are_read_by_load(tmp_path):
    tb.export(unigram("a"), tmp_path / "out", to="sentencepiece", prove=["a"])
    assert load(tmp_path / "out").tokenizer.encode("a a").tokens == ["▁", "a", "▁", "a"]
