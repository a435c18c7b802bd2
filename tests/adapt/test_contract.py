"""What a grown model owes: by what its class returns, to old texts and to new tokens, or it is refused."""

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from tests.model.conftest import tiny
from tokbench.adapt.grow import add_tokens
from tokbench.checks.run import check
from tokbench.errors import NegativeResultError, UsageError
from tokbench.io.quiet import quiet
from tokbench.model.loading import load_model

__all__ = ["tiny"]

NEW = {"tokens": ["hospital", "foxes19"], "special": ["[E1]"]}


@pytest.fixture
def grow(tiny, tmp_path):
    """A function: a small model of a family, grown through files by three tokens."""

    def grown(kind, *, name="", change=None, **choices):
        tiny.saved(kind, tmp_path / "old", name=name)
        if change is not None:
            change(tmp_path / "old")
        return add_tokens(
            tmp_path / "old", model=tmp_path / "old", output=tmp_path / "new", **{**NEW, **choices}
        )

    return grown


def config(**changes):
    def changed(folder):
        place = folder / "config.json"
        place.write_text(json.dumps({**json.loads(place.read_text()), **changes}))

    return changed


# what is unusual → family, class, how many tensors grow, what answers
GROWN = {
    "a table a layer": ("gemma4_text", "Gemma4ForCausalLM", 2, ""),
    "tokens in the second dimension": ("mobilebert", "MobileBertForMaskedLM", 3, ""),
    "a bias that is a buffer": ("marian", "MarianMTModel", 2, ""),
    "experts by token": ("deepseek_v4", "DeepseekV4ForCausalLM", 3, ""),
    "pictures beside texts": ("clip", "CLIPModel", 1, "with blank pixel_values"),
    "a language model inside": ("blip-2", "Blip2ForConditionalGeneration", 1, "language_model"),
    "sounds before texts": ("whisper", "WhisperForConditionalGeneration", 1, "with blank input_features"),
    "numbers without end in its config": ("nemotron_h", "NemotronHForCausalLM", 2, ""),
    "starts and ends": ("bert", "BertForQuestionAnswering", 1, ""),
}


@pytest.mark.parametrize("what", GROWN)
def test_a_class_that_keeps_its_vocabulary_elsewhere_grows(grow, tiny, what):
    kind, name, tables, part = GROWN[what]
    growth = grow(kind, name=name)
    assert type(growth.grown).__name__ == name
    assert len(growth.resized.tables) == tables
    proof = growth.proof
    assert (proof.holds, proof.part, proof.as_old, proof.new_texts) == (True, part, 3, 3)
    assert proof.old_columns in (0.0, None)
    again = load_model(growth.path)
    assert (again.fresh, again.dropped) == ((), ())
    for table in growth.resized.tables:
        assert (table.rows_before, table.rows) == (tiny.V, tiny.V + 3)
    assert check(growth.path).passed


def test_every_table_starts_a_row_from_its_own_pieces(grow):
    growth = grow("gemma4_text", name="Gemma4ForCausalLM")
    for table in growth.resized.tables:
        rows = growth.grown.get_parameter(table.name).detach()
        for token, number in growth.added.regular.items():
            mean = rows[list(growth.added.pieces[token])].float().mean(0)
            assert torch.allclose(rows[number].float(), mean, atol=1e-6)


def test_a_second_table_with_fewer_rows_answers_in_between_as_it_did(grow):
    growth = grow("gemma4_text", name="Gemma4ForCausalLM", change=fewer_rows_a_layer)
    second = growth.grown.model.embed_tokens_per_layer.weight
    assert second.shape[0] == growth.plan.size
    assert torch.equal(second[120:128], second[:1].expand(8, -1))


def fewer_rows_a_layer(folder):
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens_per_layer.weight"] = weights["model.embed_tokens_per_layer.weight"][
        :120
    ].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config(vocab_size_per_layer_input=120)(folder)


REFUSED = {
    "two vocabularies": ("fsmt", "FSMTForConditionalGeneration", "has 2 vocabularies, src_vocab_size"),
    "two models": ("encoder-decoder", "EncoderDecoderModel", "has 2 vocabularies, encoder.vocab_size"),
    "two stacks": ("t5gemma", "T5GemmaForConditionalGeneration", "has 2 vocabularies"),
    "rows behind": ("moshi", "MoshiForCausalLM", "reads rows behind its vocabulary itself"),
    "a config that moves another table": ("pi0", "PI0ForConditionalGeneration", "has 128 rows by dit_config"),
    "sound alone": ("hubert", "HubertForCTC", "writes by vocab_size and reads no tokens"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_class_that_does_not_tell_how_is_refused_by_name(grow, tmp_path, what):
    kind, name, reason = REFUSED[what]
    with pytest.raises(UsageError, match=rf"{name} {reason}") as caught:
        grow(kind, name=name)
    assert caught.value.fix
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("fsmt", "FSMTForConditionalGeneration"),
        ("encoder-decoder", "EncoderDecoderModel"),
        ("t5gemma", "T5GemmaForConditionalGeneration"),
    ],
)
def test_the_remedy_for_two_vocabularies_helps(grow, kind, name):
    with pytest.raises(UsageError) as caught:
        grow(kind, name=name)
    keys = caught.value.fix.split("--vocabulary ")[1:]
    growth = grow(kind, name=name, vocabulary=[key.strip() for key in keys])
    assert growth.proof.holds
    assert growth.proof.as_old == 3
    assert {table.key for table in growth.resized.tables} == {key.strip() for key in keys}


def highest_id_pools(folder):
    """What CLIP's first release wrote: with 2 there, the class pools at the highest id of a text."""
    raw = json.loads((folder / "config.json").read_text())
    raw["text_config"]["eos_token_id"] = 2
    (folder / "config.json").write_text(json.dumps(raw))


def test_a_class_that_pools_at_the_highest_id_is_refused_and_the_remedy_helps(grow):
    with pytest.raises(UsageError, match="CLIPModel reads an order into ids") as caught:
        grow("clip", name="CLIPModel", change=highest_id_pools)
    assert "text_config.eos_token_id" in caught.value.fix
    assert grow("clip", name="CLIPModel").proof.holds


def test_whisper_reads_times_in_the_ids_behind_the_last(grow):
    def times(folder):
        place = folder / "generation_config.json"
        stated = json.loads(place.read_text())
        stated.pop("_from_model_config")  # else it would be made anew from the model's config
        place.write_text(json.dumps({**stated, "no_timestamps_token_id": 100}))

    with pytest.raises(
        UsageError, match=r"no_timestamps_token_id of .* is 100, and every id above it is a time"
    ):
        grow("whisper", name="WhisperForConditionalGeneration", change=times)


def test_whisper_is_refused_by_its_tokenizer_where_the_config_does_not_say(grow):
    def named(folder):
        text = (folder / "tokenizer.json").read_text()
        (folder / "tokenizer.json").write_text(text.replace('"w9"', '"<|notimestamps|>"'))

    with pytest.raises(UsageError, match=r"<\|notimestamps\|> of .* is \d+, and every id above it is a time"):
        grow("whisper", name="WhisperForConditionalGeneration", change=named)
    assert grow("bert", name="BertForMaskedLM", change=named).proof.holds  # to others it is a word


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_dry_run_refuses_what_the_act_refuses(tiny, tmp_path, dry_run):
    tiny.saved("clip", tmp_path / "old", name="CLIPModel")
    highest_id_pools(tmp_path / "old")
    where = {"dry_run": True} if dry_run else {"output": tmp_path / "new"}
    with pytest.raises(UsageError, match="CLIPModel reads an order into ids"):
        add_tokens(tmp_path / "old", model=tmp_path / "old", **NEW, **where)


def test_a_dry_run_of_a_larger_model_loads_no_weights(tiny, tmp_path, monkeypatch):
    tiny.saved("bert", tmp_path / "old")
    tried = add_tokens(tmp_path / "old", model=tmp_path / "old", **NEW, dry_run=True)
    assert (tried.proof.holds, tried.resized, tried.grown) == (True, None, None)
    monkeypatch.setattr("tokbench.adapt.grow.TRIED", 0)
    assert add_tokens(tmp_path / "old", model=tmp_path / "old", **NEW, dry_run=True).proof is None


def other_head(folder):
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] = torch.randn_like(weights["transformer.wte.weight"])
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_tied_head_with_other_numbers_is_found_and_refused_with_what_helps(grow, tmp_path):
    with pytest.raises(
        UsageError, match=r"config.json ties lm_head.weight to transformer.wte.weight"
    ) as caught:
        grow("gpt2", name="GPT2LMHeadModel", change=other_head)
    [found] = [each for each in check(tmp_path / "old").findings if each.code == "TB443"]
    assert found.severity == "error"
    assert '"tie_word_embeddings": false' in caught.value.fix
    config(tie_word_embeddings=False)(tmp_path / "old")
    assert check(tmp_path / "old").passed
    growth = add_tokens(tmp_path / "old", model=tmp_path / "old", output=tmp_path / "new", **NEW)
    assert (growth.resized.head, growth.proof.holds) == ("own", True)


def test_new_tokens_that_take_most_of_the_next_ones_probability_are_refused(grow):
    def peaked(folder):
        weights = load_file(folder / "model.safetensors")
        weights["transformer.wte.weight"] *= 40
        weights["transformer.wte.weight"] -= 4
        weights["transformer.ln_f.bias"] += 3
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(NegativeResultError, match="of the next token's probability"):
        grow("gpt2", name="GPT2LMHeadModel", change=peaked, start="zero")
    proof = grow("gpt2", name="GPT2LMHeadModel", change=peaked, start="mean").proof
    assert 0 <= proof.taken_mean <= proof.taken < 0.5


def test_what_new_tokens_take_is_told(grow):
    proof = grow("gpt2", name="GPT2LMHeadModel").proof
    assert 0.01 < proof.taken < 0.05  # three rows among 131, of a model that knows nothing
    assert proof.generated is True


def test_a_description_is_told_with_the_row_it_made(grow):
    growth = grow("bert", name="BertForMaskedLM", descriptions={"hospital": "the quick fox"})
    assert growth.described == {"hospital": "the quick fox"}
    assert growth.resized.described == (growth.added.regular["hospital"],)


def test_unused_rows_are_started_and_no_other_row_moves(tiny, tmp_path):
    tiny.saved("bert", tmp_path / "old")
    raw = json.loads((tmp_path / "old" / "tokenizer.json").read_text())
    raw["model"]["vocab"] = {
        {"w5": "[unused0]"}.get(token, token): number for token, number in raw["model"]["vocab"].items()
    }
    (tmp_path / "old" / "tokenizer.json").write_text(json.dumps(raw))
    growth = add_tokens(
        tmp_path / "old", ["hospital"], model=tmp_path / "old", output=tmp_path / "new", use_unused=True
    )
    row = raw["model"]["vocab"]["[unused0]"]
    assert growth.plan.started == growth.plan.spare_used == (row,)
    assert not growth.plan.resize_needed
    assert growth.proof.holds
    assert check(growth.path).passed


def test_roles_are_followed_in_every_config_that_names_them(tiny, tmp_path):
    with quiet():
        made = transformers.BartForConditionalGeneration(tiny.config_of("bart"))
    made.config.forced_eos_token_id = made.generation_config.forced_eos_token_id = 3
    made.config.eos_token_id = made.generation_config.eos_token_id = 3
    with quiet():
        made.save_pretrained(tmp_path / "old")
    tiny.save_tokenizer(tmp_path / "old")
    growth = add_tokens(
        tmp_path / "old", roles={"eos": "<end>"}, model=tmp_path / "old", output=tmp_path / "new"
    )
    new = growth.added.special["<end>"]
    stated = json.loads((growth.path / "generation_config.json").read_text())
    assert stated["eos_token_id"] == new
    assert growth.followed["config.eos_token_id"] == (3, new)


def test_what_a_class_raises_is_one_sentence(grow):
    with pytest.raises(UsageError) as caught:
        grow("bert", name="BertForMaskedLM", change=config(hidden_act="nonsense"))
    assert "\n" not in caught.value.message
