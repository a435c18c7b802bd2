"""A vocabulary that gets smaller: texts whose tokens are left keep them, and nothing becomes unknown."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

import tokbench as tb
from tests.adapt.test_extend import TEXTS, byte_level, metaspace, shuffled
from tokbench.adapt.continued.continued_bpe import unreachable
from tokbench.errors import DataError, NegativeResultError, UsageError

ENGLISH = ["the cat sat on the mat", "a wet hat", "the wettest cats"] * 9


def word_piece(texts, size=40):
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    learn = trainers.WordPieceTrainer(vocab_size=size, special_tokens=["[UNK]"], show_progress=False)
    made.train_from_iterator(texts, learn)
    return made


def unigram(texts, size=40):
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    learn = trainers.UnigramTrainer(
        vocab_size=size, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(texts, learn)
    return Tokenizer.from_str(made.to_str())  # which may change the last bit of a score, once


def words(texts, size=40):
    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    learn = trainers.WordLevelTrainer(vocab_size=size, special_tokens=["[UNK]"], show_progress=False)
    made.train_from_iterator(texts, learn)
    return made


def ended(texts, size=60):
    """CLIP's kind of BPE: the end of a word is part of its last token."""
    made = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    learn = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<unk>"], end_of_word_suffix="</w>", show_progress=False
    )
    made.train_from_iterator(texts, learn)
    return made


def continued(texts, size=60):
    """A BPE whose pieces inside a word have a prefix."""
    made = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    learn = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<unk>"], continuing_subword_prefix="##", show_progress=False
    )
    made.train_from_iterator(texts, learn)
    return made


def every_split(texts, size=300):
    """Llama 3's kind: each token has all its splits as merges, and words are looked up whole first."""
    raw = json.loads(byte_level(texts, size).to_str())
    vocab = raw["model"]["vocab"]
    ordered = sorted(vocab, key=vocab.get)
    splits = [(token[:at], token[at:]) for token in ordered for at in range(1, len(token))]
    raw["model"]["merges"] = [list(pair) for pair in splits if all(part in vocab for part in pair)]
    raw["model"]["ignore_merges"] = True
    return Tokenizer.from_str(json.dumps(raw))


KINDS = {
    "bytes": byte_level,
    "shuffled": lambda texts: shuffled(byte_level(texts), 3),
    "every split": every_split,
    "looked up": lambda texts: shuffled(every_split(texts), 5),
    "byte fallback": metaspace,
    "suffix": ended,
    "prefix": continued,
    "WordPiece": word_piece,
    "Unigram": unigram,
    "words": words,
}
BPE = ("bytes", "shuffled", "every split", "looked up", "byte fallback")


def made(kind, texts):
    """A tokenizer of these texts; None where the library finds nothing to learn in them."""
    try:
        return KINDS[kind](texts)
    except Exception:
        return None


def pruned(tokenizer, corpus, **choices):
    """A smaller one; None for a corpus without texts."""
    try:
        return tb.prune(tokenizer, iter(corpus), force_longer=True, **choices)
    except DataError:
        return None


def ids(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def unknowns(tokenizer, text):
    tokens = tokenizer.encode(text, add_special_tokens=False).tokens
    return sum(token in ("[UNK]", "<unk>") for token in tokens)


def kept_alone(old, lean, texts):
    """The texts of which all tokens are left; of WordPiece without those that hold unknown words."""
    wordpiece = isinstance(old.model, models.WordPiece)
    return [
        text
        for text in texts
        if set(ids(old, text)) <= lean.moved.keys() and not (wordpiece and unknowns(old, text))
    ]


@pytest.mark.parametrize("kind", KINDS)
@given(base=TEXTS, corpus=TEXTS, others=TEXTS, least=st.integers(1, 3))
@settings(max_examples=15)
def test_texts_of_tokens_that_are_left_keep_them(kind, base, corpus, others, least):
    old = made(kind, base)
    lean = old and pruned(old, corpus, min_count=least)
    if not lean:
        return
    new = lean.folder.tokenizer
    for text in kept_alone(old, lean, [*base, *corpus, *others]):
        assert ids(new, text) == [lean.moved[number] for number in ids(old, text)]
    if least == 1:
        assert lean.effect.before == lean.effect.after
        assert [ids(new, text) for text in corpus] == [
            [lean.moved[number] for number in ids(old, text)] for text in corpus
        ]


@pytest.mark.parametrize("kind", KINDS)
@given(base=TEXTS, corpus=TEXTS, share=st.floats(0, 1))
@settings(max_examples=8)
def test_fewer_tokens_are_some_of_more_and_keep_texts_too(kind, base, corpus, share):
    old = made(kind, base)
    lean = old and pruned(old, corpus)
    if not lean:
        return
    size = lean.always + round(share * (lean.tokens_before - lean.always))
    fewer, more = pruned(old, corpus, to=size), pruned(old, corpus, to=min(size + 3, lean.tokens_before))
    assert (fewer.tokens, more.tokens) == (size, min(size + 3, lean.tokens_before))
    assert fewer.moved.keys() <= more.moved.keys()
    for text in kept_alone(old, fewer, [*base, *corpus]):
        assert ids(fewer.folder.tokenizer, text) == [fewer.moved[number] for number in ids(old, text)]


@pytest.mark.parametrize("kind", BPE)
@given(base=TEXTS, corpus=TEXTS, share=st.floats(0, 1))
@settings(max_examples=10)
def test_no_token_dies_that_was_alive(kind, base, corpus, share):
    old = made(kind, base)
    lean = old and pruned(old, corpus)
    if not lean:
        return
    before = set(unreachable(json.loads(old.to_str())))
    assert lean.dead_before == len(before)
    size = lean.always + round(share * (lean.tokens_before - lean.always))
    for each in (lean, pruned(old, corpus, to=size)):
        after = set(unreachable(json.loads(each.folder.tokenizer.to_str())))
        assert after <= before
        assert each.dead == len(after)


@pytest.mark.parametrize("kind", KINDS)
@given(base=TEXTS, corpus=TEXTS)
@settings(max_examples=10)
def test_pruning_twice_is_pruning_once(kind, base, corpus):
    old = made(kind, base)
    once = old and pruned(old, corpus)
    if not once:
        return
    twice = pruned(once, corpus)
    assert twice.folder.tokenizer.to_str() == once.folder.tokenizer.to_str()
    assert all(number == new for number, new in twice.moved.items())
    assert twice.lost == {}


@pytest.mark.parametrize("kind", ["WordPiece", "Unigram", "byte fallback", "bytes"])
@given(base=TEXTS, corpus=TEXTS, others=TEXTS)
@settings(max_examples=15)
def test_nothing_becomes_unknown_that_was_not(kind, base, corpus, others):
    old = made(kind, base)
    lean = old and pruned(old, corpus)
    if not lean:
        return
    least = pruned(old, corpus, to=lean.always)
    for each in (lean, least):
        for text in (*base, *others):
            if not unknowns(old, text):
                assert not unknowns(each.folder.tokenizer, text)


@given(base=TEXTS, corpus=TEXTS, more=TEXTS)
@settings(max_examples=15)
def test_a_pruned_vocabulary_goes_on_learning(base, corpus, more):
    lean = pruned(byte_level(base), corpus)
    if not lean:
        return
    try:
        wider = tb.extend(lean, iter(more), tokens=10)
    except (NegativeResultError, DataError):
        return
    assert (wider.dead, wider.dead_before) == (0, 0)
    assert min(wider.growth.added.regular.values()) == lean.tokens


def test_ids_close_up_in_their_old_order_and_the_map_says_so(tmp_path):
    old = byte_level(ENGLISH, 270)
    old.add_special_tokens(["[CLS]", "[SEP]"])
    old.post_processor = processors.BertProcessing(("[SEP]", 271), ("[CLS]", 270))
    lean = tb.prune(old, ["the cat sat"], output=tmp_path / "lean")
    told = json.loads((tmp_path / "lean" / "ids.json").read_text())
    assert told == {str(before): after for before, after in lean.moved.items()}
    assert list(told.values()) == list(range(lean.tokens))
    assert sorted(map(int, told)) == [int(each) for each in told]
    new = Tokenizer.from_file(str(tmp_path / "lean" / "tokenizer.json"))
    before, after = old.encode("the cat sat"), new.encode("the cat sat")
    assert after.tokens == before.tokens == ["[CLS]", *after.tokens[1:-1], "[SEP]"]
    assert after.ids == [told[str(number)] for number in before.ids]


@pytest.mark.parametrize(
    "processor",
    [
        processors.TemplateProcessing(
            "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 270), ("[SEP]", 271)]
        ),
        processors.RobertaProcessing(("[SEP]", 271), ("[CLS]", 270)),
        processors.Sequence(
            [
                processors.ByteLevel(trim_offsets=False),
                processors.TemplateProcessing("[CLS] $A", special_tokens=[("[CLS]", 270)]),
            ]
        ),
    ],
    ids=["template", "roberta", "sequence"],
)
def test_post_processors_follow(processor):
    old = byte_level(ENGLISH, 270)
    old.add_special_tokens(["[CLS]", "[SEP]"])
    old.post_processor = processor
    lean = tb.prune(old, ["the cat sat"])
    for pair in (("the cat",), ("the cat", "sat")):
        assert lean.folder.tokenizer.encode(*pair).ids == [lean.moved[each] for each in old.encode(*pair).ids]


def test_an_id_that_no_token_has_is_refused():
    old = byte_level(ENGLISH, 270)
    old.post_processor = processors.TemplateProcessing("[X] $A", special_tokens=[("[X]", 999)])
    with pytest.raises(UsageError, match="names the id 999, which no token has"):
        tb.prune(old, ["cat"])


def test_a_template_keeps_a_token_that_is_no_added_one():
    old = byte_level(ENGLISH, 270)
    number = old.token_to_id("Ġwet")
    old.post_processor = processors.TemplateProcessing("Ġwet $A", special_tokens=[("Ġwet", number)])
    lean = tb.prune(old, ["cat"])
    assert lean.folder.tokenizer.encode("cat").tokens[0] == "Ġwet"


def test_tokens_and_texts_that_are_to_stay_do():
    old = byte_level(ENGLISH, 270)
    lean = tb.prune(old, ["cat"], keep=["Ġwet", "the mat"])
    new = lean.folder.tokenizer
    assert new.encode(" wet").tokens == ["Ġwet"]
    assert new.encode("the mat").tokens == old.encode("the mat").tokens
    with pytest.raises(UsageError, match="is no token here"):
        tb.prune(word_piece(ENGLISH), ["cat"], keep=["漢字"])


def test_a_word_that_is_looked_up_stays_though_no_merge_makes_it():
    old = every_split(ENGLISH, 270)
    raw = json.loads(old.to_str())
    raw["model"]["merges"] = [pair for pair in raw["model"]["merges"] if "".join(pair) != "the"]
    old = Tokenizer.from_str(json.dumps(raw))
    assert old.encode("the").tokens == ["the"]
    lean = tb.prune(old, ["the the"])
    assert lean.dead_before == lean.dead == 1
    assert lean.folder.tokenizer.encode("the").tokens == ["the"]


def test_a_vocabulary_whose_words_fall_apart_by_chance_is_refused():
    old = byte_level(ENGLISH, 270)
    old.model.dropout = 0.1
    with pytest.raises(UsageError, match=r"has dropout 0\.1"):
        tb.prune(old, ["cat"])


def test_a_number_below_the_least_names_the_least():
    old = byte_level(ENGLISH, 270)
    with pytest.raises(UsageError, match="needs 257 tokens at least") as raised:
        tb.prune(old, ["cat"], to=100)
    assert raised.value.fix == "--to 257"
    assert tb.prune(old, ["cat"], to=257, force_longer=True).tokens == 257
    with pytest.raises(UsageError, match="has 270 tokens, which is fewer than 271"):
        tb.prune(old, ["cat"], to=271)
    with pytest.raises(UsageError, match="either a number of tokens or a least count"):
        tb.prune(old, ["cat"], to=280, min_count=2)
    with pytest.raises(UsageError, match="cannot occur 0 times"):
        tb.prune(old, ["cat"], min_count=0)


def test_a_corpus_that_would_be_a_tenth_longer_is_refused_unless_it_is_meant(tmp_path):
    old = byte_level(ENGLISH, 270)
    with pytest.raises(NegativeResultError, match="more of them") as raised:
        tb.prune(old, ENGLISH, to=257, output=tmp_path / "lean")
    assert "--force-longer" in raised.value.fix
    assert not (tmp_path / "lean").exists()
    forced = tb.prune(old, ENGLISH, to=257, force_longer=True)
    assert forced.effect.longer > 0.1
    assert forced.effect.after < forced.effect.before


def test_a_corpus_in_another_language_is_told():
    assert (
        tb.prune(byte_level(ENGLISH, 270), ["한국어 말뭉치"])
        .careful[0]
        .startswith("100% of the corpus's tokens")
    )
    assert "unknown" in tb.prune(word_piece(ENGLISH), ["한국어 말뭉치"]).careful[0]
    assert tb.prune(byte_level(ENGLISH, 270), ENGLISH).careful == ()


def test_rare_tokens_go_first_and_count_for_their_parts():
    """`the` once and `hat` twice: of both, and of the parts, `the` goes first."""
    old = byte_level(["the"] * 5 + ["hat"] * 9, 261)
    assert {"the", "hat"} <= set(old.get_vocab())
    lean = tb.prune(old, ["the hat hat"], to=260, force_longer=True)
    assert "the" not in lean.folder.tokenizer.get_vocab()
    assert lean.lost == {"the": 1}


def test_a_dry_run_writes_nothing(tmp_path):
    lean = tb.prune(byte_level(ENGLISH, 270), ["cat"], output=tmp_path / "lean", dry_run=True)
    assert lean.dry
    assert not (tmp_path / "lean").exists()


def test_two_runs_write_the_same_bytes(tmp_path):
    old = byte_level(ENGLISH, 270)
    one, other = tmp_path / "a" / "lean", tmp_path / "b" / "lean"
    for place in (one, other):
        tb.prune(old, ENGLISH[:2], to=265, output=place, force_longer=True)
    files = {each.name for each in one.iterdir()}
    assert {"ids.json", "tokenizer.json", "README.md"} <= files
    assert all((one / each).read_bytes() == (other / each).read_bytes() for each in files)


def test_what_was_pruned_is_not_trained_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.txt").write_text("\n".join(ENGLISH))
    tb.train("corpus.txt", "bpe", vocab_size=270, output="tok")
    tb.prune("tok", ["the cat"], output="lean")
    with pytest.raises(UsageError, match="lean is tok pruned, so its ids are no training's") as raised:
        tb.rebuild("lean")
    assert raised.value.fix == "tokbench rebuild tok"


def test_what_is_saved_is_what_transformers_loads(tmp_path):
    transformers = pytest.importorskip("transformers")
    old = byte_level(ENGLISH, 270)
    lean = tb.prune(old, ["the cat sat"], output=tmp_path / "lean")
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path / "lean")
    assert loaded("the cat sat")["input_ids"] == [lean.moved[each] for each in old.encode("the cat sat").ids]
    assert tb.check(tmp_path / "lean").passed
