"""A tokenizer trained like another has all of it but what was learned."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import tokbench as tb
from tokbench.recipes.recipe import block

TEXTS = ["the cat sat on the mat, 42 times!", "the cats sat", "a cat is not a mat", "한국어 cats"] * 9
OTHER = ["a dog is in the house, 17 times", "the dogs sleep in houses", "강아지 dogs", "a cat?"] * 9
CHAT = "{% for each in messages %}<tool>{{ each.content }}<|end|>{% endfor %}"
NO_MERGES = {"merges": [], "unk_token": "<unk>"}


def byte_level():
    """As Llama 3 has it: a template with ids inside a Sequence, special tokens behind the learned ones."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    library = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    library.add_special_tokens(["<|begin|>", "<|end|>", "<|reserved_0|>"])
    library.add_tokens([AddedToken("<tool>", normalized=False), AddedToken("\n\n", normalized=False)])
    frame = processors.TemplateProcessing(
        single="<|begin|> $A", pair="<|begin|> $A <|begin|> $B:1", special_tokens=[("<|begin|>", 256)]
    )
    library.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), frame])
    return library


def sentencepiece():
    """As Llama 2 has it: no pre-tokenizer, ▁ for spaces, bytes for what is unknown."""
    bytewise = [f"<0x{byte:02X}>" for byte in range(256)]
    vocab = {piece: number for number, piece in enumerate(["<unk>", "<s>", "</s>", *bytewise, "▁", "a"])}
    library = Tokenizer(models.BPE(vocab, [], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    library.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    library.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    library.add_special_tokens(["<unk>", "<s>", "</s>"])
    library.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[("<s>", 1)]
    )
    return library


def wordpiece():
    """As BERT has it, with another prefix than the usual one."""
    vocab = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "a": 4, "@@a": 5}
    library = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", continuing_subword_prefix="@@"))
    library.normalizer = normalizers.BertNormalizer()
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.decoder = decoders.WordPiece("@@")
    library.add_special_tokens(["[UNK]", "[CLS]", "[SEP]", "[PAD]"])
    library.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return library


def as_folder(library, place, config):
    library.save(str(place / "tokenizer.json"))
    (place / "tokenizer_config.json").write_text(json.dumps(config))
    return place


def test_the_template_inside_a_sequence_has_the_new_ids():
    """transformers #30752 and #34246: train_new_from_iterator leaves the old ids there."""
    trained = tb.train_like(byte_level(), TEXTS, vocab_size=300)
    new = trained.tokenizer
    assert new.encode("the cat", "a mat").tokens == ["<|begin|>", "the", "Ġcat", "<|begin|>", "a", "Ġmat"]
    assert new.encode("a").ids[0] == new.token_to_id("<|begin|>") == 0


def test_a_unigram_without_an_unknown_token_gets_one_and_that_is_said():
    made = tb.train_like(Tokenizer(models.Unigram([("a", -1.0), ("b", -1.0)])), TEXTS, vocab_size=60)
    assert made.tokenizer.encode("Ж").ids == [made.tokenizer.token_to_id("<unk>")] == [0]
    assert "the unknown token <unk>, for it has none" in made.like.guessed


def test_a_template_alone_in_a_sequence_is_that_template():
    library = byte_level()
    alone = json.loads(library.to_str())
    template = next(
        each for each in alone["post_processor"]["processors"] if each["type"] == "TemplateProcessing"
    )
    alone["post_processor"] = {"type": "Sequence", "processors": [template]}
    new = tb.train_like(Tokenizer.from_str(json.dumps(alone)), TEXTS, vocab_size=300).tokenizer
    assert new.encode("the", "a").tokens == ["<|begin|>", "the", "<|begin|>", "a"]


def test_a_prefix_bytes_for_the_unknown_and_the_unknown_token_stay():
    """What train_new_from_iterator loses."""
    model = json.loads(tb.train_like(sentencepiece(), TEXTS, vocab_size=330).tokenizer.to_str())["model"]
    assert (model["byte_fallback"], model["fuse_unk"], model["unk_token"]) == (True, True, "<unk>")
    like_bert = tb.train_like(wordpiece(), TEXTS, vocab_size=60).tokenizer
    assert like_bert.model.continuing_subword_prefix == "@@"
    assert any(piece.startswith("@@") for piece in like_bert.get_vocab())
    assert like_bert.encode("cats", "mat").type_ids[-1] == 1


def test_old_special_tokens_do_not_come_back():
    """tokenizers #1277: what was dropped had an id again after training."""
    dropped = tb.train_like(byte_level(), TEXTS, vocab_size=300, added="drop")
    assert dropped.tokenizer.get_added_tokens_decoder().keys() == {0}
    assert dropped.tokenizer.token_to_id("<|reserved_0|>") is None
    assert (dropped.like.dropped, dropped.like.placeholders) == (4, 0)


def test_added_tokens_are_kept_or_dropped_by_choice(tmp_path):
    place = as_folder(byte_level(), tmp_path, {"eos_token": "<|end|>"})
    kept = {
        each: tb.train_like(place, TEXTS, vocab_size=300, added=each) for each in ("keep", "special", "drop")
    }
    given_tokens = {each: trained.recipe.given_tokens for each, trained in kept.items()}
    assert given_tokens == {
        "keep": ("<|end|>", "<|begin|>", "<|reserved_0|>", "<tool>", "\n\n"),
        "special": ("<|end|>", "<|begin|>", "<|reserved_0|>"),
        "drop": ("<|end|>", "<|begin|>"),
    }
    assert [trained.like.placeholders for trained in kept.values()] == [1, 1, 0]
    for trained in kept.values():
        new = trained.tokenizer
        assert all(
            new.encode(each, add_special_tokens=False).tokens == [each] for each in trained.recipe.tokens
        )
    with pytest.raises(tb.TokbenchError, match="added tokens cannot be told all") as caught:
        tb.train_like(place, TEXTS, added="all")
    assert "keep, special" in caught.value.fix


def test_a_chat_template_goes_along_unless_it_writes_a_dropped_token(tmp_path):
    place = as_folder(byte_level(), tmp_path, {"eos_token": "<|end|>", "model_max_length": 77})
    (place / "chat_template.jinja").write_text(CHAT)
    kept = tb.train_like(place, TEXTS, vocab_size=300, output=tmp_path / "kept")
    config = json.loads((tmp_path / "kept" / "tokenizer_config.json").read_text())
    assert (config["chat_template"], config["model_max_length"], config["eos_token"]) == (CHAT, 77, "<|end|>")
    assert tb.check(tmp_path / "kept").passed
    left = tb.train_like(place, TEXTS, vocab_size=300, added="special")
    assert (kept.like.chat, left.like.chat[:8]) == ("kept", "left out")
    assert "chat_template" not in left.config


def test_a_plain_token_with_a_role_is_special_and_that_is_said(tmp_path):
    place = as_folder(byte_level(), tmp_path, {"eos_token": "<tool>"})
    trained = tb.train_like(place, TEXTS, vocab_size=300)
    assert trained.like.special_now == ("<tool>",)
    assert trained.special_tokens["<tool>"] == 0


def test_cuts_that_only_a_vocabulary_tells_of_are_made_in_training_alone():
    trained = tb.train_like(sentencepiece(), TEXTS, vocab_size=330)
    assert [each.type for each in trained.recipe.training_pre_tokenizers] == ["Split"]
    assert trained.like.read == ("no piece reaches across a space: training cuts there",)
    assert trained.tokenizer.pre_tokenizer is None
    assert not any("▁" in piece[1:] for piece in trained.tokenizer.get_vocab())
    vocab = {f"a▁{number}": number + 1 for number in range(9)} | {"<unk>": 0}
    across = sentencepiece()
    across.model = models.BPE(vocab, [], unk_token="<unk>")
    assert tb.recipe(across).training_pre_tokenizers == ()


def test_more_given_tokens_than_room_names_the_option_that_helps():
    with pytest.raises(tb.TokbenchError, match="has 5 tokens that were given and not learned") as caught:
        tb.train_like(byte_level(), TEXTS, vocab_size=5)
    assert caught.value.fix == "--added special"


def test_counts_settings_and_choices_are_those_of_train():
    whole = tb.train_like(byte_level(), TEXTS, vocab_size=300, settings={"trainer.min_frequency": "5"})
    words = tb.count_words(TEXTS, byte_level())
    counted = tb.train_like(byte_level(), words, vocab_size=300, trainer={"min_frequency": 5})
    assert counted.sha256 == whole.sha256
    assert whole.like.guessed[0] == "trainer.min_frequency 5"


def test_a_tokenizer_without_a_decoder_gets_one_and_that_is_said():
    bare = byte_level()
    bare.decoder = None
    trained = tb.train_like(bare, TEXTS, vocab_size=300)
    assert trained.like.guessed[0] == "a decoder that undoes the blocks, for it has none"
    new = trained.tokenizer
    assert new.decode(new.encode("the cat").ids) == "the cat"
    with pytest.raises(tb.TokbenchError, match="its decoder None would become"):
        tb.recipe(bare)


def test_what_tokbench_trained_is_trained_again_by_its_own_recipe(tmp_path):
    first = tb.train(TEXTS, "wordpiece", vocab_size=60, output=tmp_path / "tok")
    second = tb.train_like(tmp_path / "tok", TEXTS)
    assert (second.sha256, second.like.guessed) == (first.sha256, ())


CHANGES = [
    block("NFC"),
    block("Lowercase"),
    block("Strip", left=False),
    block("Replace", pattern="c", content="k"),
]
NORMALIZERS = st.lists(st.sampled_from(CHANGES), max_size=2, unique_by=lambda each: each.type)
CUTTERS = {
    "bpe": [(block("ByteLevel", add_prefix_space=False),), (block("Whitespace"),), (block("Metaspace"),),
            (block("Split", regex=r"\p{N}", behavior="isolated"), block("ByteLevel", use_regex=False))],
    "wordpiece": [(block("Whitespace"),), (block("BertPreTokenizer"), block("Digits"))],
    "unigram": [(block("Metaspace"),), (block("Metaspace", prepend_scheme="first"),)],
    "wordlevel": [(block("Whitespace"), block("Punctuation"))],
}  # fmt: skip


@st.composite
def recipes(draw):
    algorithm = draw(st.sampled_from(list(CUTTERS)))
    roles = {"unk": "[UNK]", "pad": "[PAD]", "cls": "[CLS]"} if draw(st.booleans()) else {"unk": "[UNK]"}
    plain = draw(st.lists(st.sampled_from(["<tool>", "</tool>", "COVID"]), max_size=2, unique=True))
    extra = draw(st.lists(st.sampled_from(["[E1]", "<x>"]), max_size=2, unique=True))
    frame = block("TemplateProcessing", single=["[CLS]", "$A"], pair=["[CLS]", "$A", "$B:1"])
    pre_tokenizers = draw(st.sampled_from(CUTTERS[algorithm]))
    bytewise = any(each.type == "ByteLevel" for each in pre_tokenizers)
    affix = algorithm == "wordpiece" and draw(st.booleans())
    return tb.Recipe(
        algorithm=algorithm,
        vocab_size=320 if bytewise else 120,
        special_tokens=roles,
        extra_special_tokens=tuple(extra),
        added_tokens=tuple(plain),
        token_options={token: {"lstrip": True} for token in (*extra, *plain) if draw(st.booleans())},
        normalizers=tuple(draw(NORMALIZERS)),
        pre_tokenizers=pre_tokenizers,
        model={"fuse_unk": True} if algorithm == "bpe" and draw(st.booleans()) else {},
        trainer={"continuing_subword_prefix": "@@"} if affix else {},
        post_processor=frame if "cls" in roles else None,
    )


@given(chosen=recipes())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_recipe_of_a_tokenizer_trained_like_another_is_the_recipe_of_that(chosen):
    first = tb.train(TEXTS, chosen)
    second = tb.train_like(first.tokenizer, OTHER, vocab_size=chosen.vocab_size)
    one, two = tb.recipe(first.tokenizer), tb.recipe(second.tokenizer)
    assert replace(one, vocab_size=1) == replace(two, vocab_size=1)
    special = set(chosen.tokens) - {"[UNK]"}
    for token in (*special, *chosen.added_tokens):
        assert second.tokenizer.encode(token, add_special_tokens=False).tokens == [token]
