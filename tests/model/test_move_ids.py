"""All tokens get other numbers: whatever states an id follows, and what must not be lost is not."""

import pytest
from transformers import (
    CLIPConfig,
    CLIPModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaModel,
    RobertaConfig,
    RobertaModel,
)

from tokbench.errors import UsageError
from tokbench.model.resize import apply
from tokbench.model.row_plan import plan_moved
from tokbench.model.sync_ids import move_ids, stated_ids

SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}


def gpt2(**changes):
    config = GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=1, bos_token_id=10, eos_token_id=[20, 30])
    model = GPT2LMHeadModel(config)
    model.generation_config.update(**changes)
    return model


def without(*gone):
    """Old id → new id of fifty tokens without these, closed up."""
    kept = [number for number in range(50) if number not in gone]
    return {old: new for new, old in enumerate(kept)}


def test_ids_alone_and_in_lists_follow_in_config_and_generation_config():
    model = gpt2(pad_token_id=40, forced_eos_token_id=20)
    changed = move_ids(model, without(5, 25), 50)
    assert changed["config.bos_token_id"] == (10, 9)
    assert changed["config.eos_token_id"] == ([20, 30], [19, 28])
    assert changed["generation_config.pad_token_id"] == (40, 38)
    assert model.generation_config.forced_eos_token_id == 19
    assert move_ids(model, without(), 50) == {}


def test_what_must_not_be_written_is_let_go_with_its_token():
    model = gpt2(
        suppress_tokens=[5, 6],
        begin_suppress_tokens=[7],
        bad_words_ids=[[5, 6], [8]],
        sequence_bias=[[[25, 1], 2.0], [[26], -1.0]],
    )
    move_ids(model, without(5, 25), 50)
    said = model.generation_config
    assert (said.suppress_tokens, said.begin_suppress_tokens) == ([5], [6])
    assert said.bad_words_ids == [[7]]
    assert said.sequence_bias == [[[24], -1.0]]


def test_places_of_forced_ids_are_no_ids():
    model = gpt2(force_words_ids=[[[30, 31]]])
    model.generation_config.forced_decoder_ids = [[1, 20], [2, None]]
    model.generation_config.lang_to_id = {"<|ko|>": 45}
    needed = stated_ids(model)
    assert needed["generation_config.forced_decoder_ids"] == (20,)
    assert needed["generation_config.force_words_ids"] == (30, 31)
    move_ids(model, without(5), 50)
    assert model.generation_config.forced_decoder_ids == [[1, 19], [2, None]]
    assert model.generation_config.force_words_ids == [[[29, 30]]]
    assert model.generation_config.lang_to_id == {"<|ko|>": 44}


def test_a_needed_id_that_is_gone_is_named():
    with pytest.raises(UsageError, match=r"config\.bos_token_id is 10, and no token with that id is left"):
        move_ids(gpt2(), without(10), 50)


def test_a_number_beyond_the_rows_was_no_token_and_stays():
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=1))
    move_ids(model, without(5), 50)
    assert model.config.eos_token_id == 50256


def test_modules_follow_the_padding_but_the_embedding_whose_rows_move_with_it():
    model = LlamaModel(
        LlamaConfig(vocab_size=50, pad_token_id=30, bos_token_id=None, eos_token_id=6, **SMALL)
    )
    apply(model, plan_moved(50, {new: old for old, new in without(5).items()}, 50, 49))
    changed = move_ids(model, without(5), 50)
    assert changed == {"config.pad_token_id": (30, 29), "config.eos_token_id": (6, 5)}
    assert model.embed_tokens.padding_idx == model.padding_idx == 29


def test_positions_counted_from_the_padding_keep_it_where_it_is():
    config = RobertaConfig(vocab_size=50, pad_token_id=1, bos_token_id=0, eos_token_id=2, **SMALL)
    model = RobertaModel(config)
    move_ids(model, without(5), 50)
    assert model.config.pad_token_id == 1
    with pytest.raises(UsageError, match="pad would move from 1 to 0"):
        move_ids(model, without(0), 50)


def test_modules_that_took_an_id_and_nested_configs_follow():
    text = {"vocab_size": 50, "eos_token_id": 49, "bos_token_id": 48, "pad_token_id": 49, **SMALL}
    picture = {**SMALL, "image_size": 8, "patch_size": 4}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=picture, projection_dim=8))
    changed = move_ids(model, without(5), 50)
    assert changed["config.text_config.eos_token_id"] == (49, 48)
    assert model.text_model.eos_token_id == 48
