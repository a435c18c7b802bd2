"""BPE: bytes are all there, options arrive, and nothing goes missing without a word."""

import json

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from tokbench.recipes.build import build
from tokbench.recipes.presets import DEFAULTS
from tokbench.recipes.recipe import Recipe, block, change

CHARACTERS = Recipe(
    vocab_size=500,
    special_tokens={"unk": "<unk>"},
    pre_tokenizers=(block("Metaspace"),),
    trainer={"min_frequency": 2},
)


def model_of(tokenizer):
    return json.loads(tokenizer.to_str())["model"]


def test_the_default_is_what_the_library_trains(texts):
    ours = build(change(DEFAULTS["bpe"], {"vocab_size": "600"}), [texts])
    theirs = Tokenizer(BPE())
    theirs.pre_tokenizer = ByteLevel(add_prefix_space=False)
    trainer = BpeTrainer(
        vocab_size=600,
        min_frequency=2,
        special_tokens=["<|endoftext|>", "<|pad|>"],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    theirs.train_from_iterator(texts, trainer)
    assert model_of(ours) == model_of(theirs)


def test_every_byte_is_in_the_vocabulary_even_of_one_letter():
    tokenizer = build(DEFAULTS["bpe"], [["a"]])
    assert set(ByteLevel.alphabet()) <= set(tokenizer.get_vocab())
    assert tokenizer.model.unk_token is None


def test_a_byte_level_model_has_no_unk_even_with_the_role(texts):
    tokenizer = build(change(DEFAULTS["bpe"], {"special_tokens.unk": "<unk>", "vocab_size": "300"}), [texts])
    assert tokenizer.model.unk_token is None
    assert tokenizer.token_to_id("<unk>") == 2


def test_without_bytes_the_unk_role_is_the_models(texts):
    tokenizer = build(CHARACTERS, [texts])
    assert tokenizer.model.unk_token == "<unk>"
    assert "<unk>" in tokenizer.encode("ꙮ").tokens
    silent = build(change(CHARACTERS, {"special_tokens.unk": "", "special_tokens.pad": "<pad>"}), [texts])
    assert silent.encode("ꙮ").tokens == ["▁"]


@pytest.mark.parametrize(
    ("option", "value"),
    [("dropout", 0.5), ("fuse_unk", True), ("byte_fallback", True), ("ignore_merges", True)],
)
def test_the_options_of_the_model_arrive(option, value, texts):
    tokenizer = build(
        change(CHARACTERS, {f"model.{option}": str(value).lower(), "vocab_size": "600"}), [texts]
    )
    assert model_of(tokenizer)[option] == value


@pytest.mark.parametrize("affixes", [{}, {"trainer.end_of_word_suffix": "</w>"}])
def test_the_options_of_the_trainer_arrive(affixes, texts):
    def vocab(**options):
        settings = {f"trainer.{name}": value for name, value in options.items()}
        return build(change(CHARACTERS, {**settings, **affixes}), [texts]).get_vocab()

    assert len(vocab(min_frequency="50")) < len(vocab(min_frequency="2"))
    assert max(len(token.removesuffix("</w>")) for token in vocab(max_token_length="4")) < 7
    assert "한" not in vocab(limit_alphabet="20")
    assert "Ω" in vocab(initial_alphabet='["Ω"]')


def test_pieces_with_affixes_are_marked_and_found(texts):
    suffixed = build(change(CHARACTERS, {"trainer.end_of_word_suffix": "</w>"}), [texts])
    assert suffixed.encode("the sea").tokens[-1].endswith("</w>")
    prefixed = build(change(CHARACTERS, {"trainer.continuing_subword_prefix": "##"}), [texts])
    assert all(token.startswith("##") for token in prefixed.encode("village").tokens[1:])
    assert model_of(prefixed)["continuing_subword_prefix"] == "##"
