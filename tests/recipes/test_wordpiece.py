"""WordPiece: unk inside, options arrive, affixes agree between model and decoder."""

import json

from tokbench.recipes.build import build
from tokbench.recipes.presets import DEFAULTS
from tokbench.recipes.recipe import change

SMALL = change(DEFAULTS["wordpiece"], {"vocab_size": "400"})


def vocab(texts, **options):
    settings = {f"trainer.{name}": value for name, value in options.items()}
    return build(change(SMALL, settings), [texts]).get_vocab()


def test_the_options_of_the_trainer_arrive(texts):
    assert len(vocab(texts, min_frequency="50")) < len(vocab(texts))
    assert max(len(token.removeprefix("##")) for token in vocab(texts, max_token_length="4")) < 7
    assert "한" not in vocab(texts, limit_alphabet="20")
    assert "Ω" in vocab(texts, initial_alphabet='["Ω"]')


def test_another_prefix_is_the_models_and_the_decoders(texts):
    tokenizer = build(change(SMALL, {"trainer.continuing_subword_prefix": "@@"}), [texts])
    data = json.loads(tokenizer.to_str())
    assert data["model"]["continuing_subword_prefix"] == data["decoder"]["prefix"] == "@@"
    assert any(token.startswith("@@") for token in tokenizer.encode("villages").tokens)
    assert tokenizer.decode(tokenizer.encode("villages").ids) == "villages"


def test_a_word_too_long_is_unknown(texts):
    tokenizer = build(change(SMALL, {"model.max_input_chars_per_word": "3"}), [texts])
    assert tokenizer.encode("sea village", add_special_tokens=False).tokens[-1] == "[UNK]"


def test_unk_is_the_role_whatever_its_name(texts):
    tokenizer = build(change(SMALL, {"special_tokens.unk": "<?>"}), [texts])
    assert tokenizer.model.unk_token == "<?>"
    assert tokenizer.encode("ꙮ", add_special_tokens=False).ids == [1]
