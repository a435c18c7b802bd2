import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models
from transformers import AutoModelForSequenceClassification, GPT2Config, RobertaConfig

from tokbench.errors import FileError, ResourceError, UsageError
from tokbench.finetuning.config import PRESETS, FinetuneConfig
from tokbench.finetuning.device import machine_of
from tokbench.finetuning.models import copy_tokenizer, fresh, load_classifier, load_tokenizer, must_have_room
from tokbench.finetuning.predictions import answering
from tokbench.finetuning.prepare import align, limits_of, model_inputs_of, padding_id
from tokbench.finetuning.tasks import TASKS
from tokbench.io.quiet import quiet
from tokbench.model.files import find_model
from tokbench.model.loading import LoadedModel


def of_config(config):
    return AutoModelForSequenceClassification.from_config(config)


def decoder(**changes):
    config = {
        "vocab_size": 120,
        "n_embd": 16,
        "n_layer": 1,
        "n_head": 2,
        "n_positions": 32,
        "eos_token_id": 3,
    }
    return of_config(GPT2Config(**{**config, **changes}))


def roberta():
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return of_config(RobertaConfig(vocab_size=120, max_position_embeddings=34, type_vocab_size=1, **shape))


def test_a_preset_is_sized_to_the_highest_id_of_the_tokenizer(tokenizer):
    tokenizer.add_tokens(["[E1]"])
    model = fresh(PRESETS["bert-tiny"], tokenizer, TASKS["mnli"], seed=1).model
    limits = limits_of(model)
    assert (limits.rows, limits.types, limits.positions) == (len(tokenizer), 2, 512)
    assert model.config.pad_token_id == tokenizer.pad_token_id
    assert model.config.id2label == {0: "entailment", 1: "neutral", 2: "contradiction"}


def test_the_same_seed_gives_the_same_fresh_weights(tokenizer):
    one, same, other = (
        fresh(PRESETS["bert-tiny"], tokenizer, TASKS["sst2"], seed=seed).model.classifier.weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_score_has_one_output(model_folder):
    model = load_classifier(model_folder, TASKS["stsb"], seed=0).model
    assert (model.config.num_labels, model.config.problem_type) == (1, "regression")


def test_a_head_for_other_labels_is_replaced_and_said(model_folder):
    loaded = load_classifier(model_folder, TASKS["mnli"], seed=0)
    assert loaded.model.classifier.weight.shape == (3, 16)
    assert loaded.notes == [f"the head in {model_folder} is for other labels: it starts fresh"]


@pytest.fixture
def labelled_head(model_folder, tmp_path):
    """A function: a folder whose trained head has these labels, and its weights."""

    def make(labels):
        model = load_classifier(model_folder, TASKS["mnli"], seed=0).model
        model.config.id2label = dict(enumerate(labels))
        model.config.label2id = {label: number for number, label in enumerate(labels)}
        model.save_pretrained(tmp_path / "labelled")
        return tmp_path / "labelled", model.classifier

    return make


def test_a_head_in_another_order_gets_the_tasks_order_by_name(labelled_head):
    folder, head = labelled_head(["CONTRADICTION", "neutral", "entailment"])
    loaded = load_classifier(folder, TASKS["mnli"], seed=0)
    assert TASKS["mnli"].labels == ("entailment", "neutral", "contradiction")
    assert loaded.model.classifier.weight.equal(head.weight[[2, 1, 0]])
    assert loaded.model.classifier.bias.equal(head.bias[[2, 1, 0]])
    assert any("in another order" in note for note in loaded.notes)


def test_a_head_that_knows_other_labels_starts_fresh(labelled_head):
    folder, head = labelled_head(["joy", "anger", "fear"])
    first, again = (load_classifier(folder, TASKS["mnli"], seed=seed) for seed in (1, 1))
    assert not first.model.classifier.weight.equal(head.weight)
    assert first.model.classifier.weight.equal(again.model.classifier.weight)
    assert any("knows joy, anger, fear and not the task's labels" in note for note in first.notes)


@pytest.mark.parametrize(
    ("trained", "wanted", "rows"),
    [
        (("b", "c", "a"), ("a", "b", "c"), [2, 0, 1]),
        (("a", "A", "c"), ("A", "a", "c"), [1, 0, 2]),  # case tells two apart
        (("B", "C", "A"), ("a", "b", "c"), [2, 0, 1]),
        (("LABEL_0", "LABEL_1", "LABEL_2"), ("a", "b", "c"), [0, 1, 2]),
        (("a", "b", "x"), ("a", "b", "c"), None),  # a partial overlap is no match
        (("a", "a", "b"), ("a", "b", "c"), None),
    ],
)
def test_a_head_gives_its_rows_to_the_labels_of_the_same_names(trained, wanted, rows, labelled_head):
    folder, head = labelled_head(trained)
    task = replace(TASKS["mnli"], labels=wanted)
    found = load_classifier(folder, task, seed=1).model.classifier.weight
    if rows is None:
        assert not any(torch.equal(one, other) for one in found for other in head.weight)
    else:
        assert found.equal(head.weight[rows])


def test_a_head_with_the_tasks_labels_is_used_as_it_is(labelled_head):
    folder, head = labelled_head(TASKS["mnli"].labels)
    loaded = load_classifier(folder, TASKS["mnli"], seed=0)
    assert loaded.model.classifier.weight.equal(head.weight)
    assert loaded.notes == []


def test_a_model_without_its_head_answers_nothing(model_folder, tmp_path):
    """Its labels fit, and the head that is missing would be random."""
    model = load_classifier(model_folder, TASKS["sst2"], seed=0).model
    headless = tmp_path / "headless"
    model.save_pretrained(headless)
    assert answering(headless, TASKS["sst2"])
    kept = {name: each for name, each in model.state_dict().items() if "classifier" not in name}
    save_file(kept, headless / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=r"no trained head: classifier\.bias is missing"):
        answering(headless, TASKS["sst2"])


def test_loading_and_saving_write_nothing_to_the_terminal(model_folder, capfd):
    load_classifier(model_folder, TASKS["mnli"], seed=0)
    assert capfd.readouterr() == ("", "")


def damage_size(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 500}))


def damage_layers(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))


def damage_weights(folder):
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def damage_config(folder):
    (folder / "config.json").write_text("{")


def damage_by_pickle(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (damage_size, "bert.embeddings.word_embeddings.weight in .* has not the shape"),
        (damage_layers, "lacks 16 weights of its body, bert.encoder.layer.1"),
        (damage_weights, "damaged cannot be loaded: Error while"),
        (damage_config, "damaged/config.json is not whole JSON"),
        (damage_by_pickle, "a format that can run code"),
    ],
)
def test_a_damaged_model_folder_is_one_sentence(damage, sentence, model_folder, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(model_folder, folder)
    damage(folder)
    with pytest.raises(FileError, match=sentence) as caught:
        load_classifier(folder, TASKS["sst2"], seed=0)
    assert "\n" not in caught.value.message
    assert caught.value.fix


@pytest.mark.parametrize("name", ["./nowhere", "a/b/c", "an-owner/a-name-nobody-has"])
def test_a_model_that_is_nowhere_is_one_sentence(name):
    with pytest.raises(FileError) as caught:
        find_model(name)
    assert name in caught.value.message
    assert caught.value.fix


def test_a_model_of_the_hub_is_found_in_the_cache(model_folder, tmp_path, monkeypatch):
    repository = tmp_path / "models--an-owner--a-name"
    shutil.copytree(model_folder, repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert find_model("an-owner/a-name") == repository / "snapshots" / "abc"


def test_a_decoder_finds_the_last_token_by_the_tokenizers_padding_id(tokenizer):
    model = decoder()
    align(LoadedModel(model=model), tokenizer)
    assert model.config.pad_token_id == tokenizer.pad_token_id
    model_inputs = model_inputs_of(model, tokenizer, 128)
    assert model_inputs.max_length == 32
    assert "token_type_ids" in model_inputs.inputs  # gpt2 takes them, and the tokenizer declares them


def test_padding_falls_back_to_the_end_when_there_is_no_token_for_it(tokenizer):
    tokenizer.pad_token = None
    assert padding_id(tokenizer) == 0
    tokenizer.eos_token = "[SEP]"
    assert padding_id(tokenizer) == 3


def test_another_padding_id_moves_config_and_embedding_and_is_said(make_model, tokenizer):
    loaded = load_classifier(make_model(pad_token_id=1), TASKS["sst2"], seed=0)
    align(loaded, tokenizer)
    assert loaded.model.config.pad_token_id == loaded.model.get_input_embeddings().padding_idx == 0
    assert loaded.notes[1:] == ["the model's padding id was 1; it is now the tokenizer's, 0"]
    assert "does not name its labels: they are taken to be negative, positive" in loaded.notes[0]


def test_positions_counted_from_the_padding_id_leave_it_alone(tokenizer):
    model = roberta()
    align(LoadedModel(model=model), tokenizer)
    assert model.config.pad_token_id == 1
    assert limits_of(model).positions == 32  # of 34 rows the first two are not for tokens
    assert limits_of(model).types == 1


def test_the_longest_row_is_the_shortest_of_plan_tokenizer_and_model(make_model, tokenizer):
    model = load_classifier(make_model(max_position_embeddings=20), TASKS["sst2"], seed=0).model
    assert model_inputs_of(model, tokenizer, 128).max_length == 20
    assert model_inputs_of(model, tokenizer, 8).max_length == 8


def test_a_copied_tokenizer_is_the_same_bytes_and_loads_the_same_beside_a_model(
    tokenizer_folder, model_folder, tmp_path
):
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(tokenizer_folder / "tokenizer.json", bare)
    saved = tmp_path / "saved"
    shutil.copytree(model_folder, saved)  # a config.json of type bert would bring BertTokenizer's blocks
    copy_tokenizer(bare, saved)
    assert (saved / "tokenizer.json").read_bytes() == (bare / "tokenizer.json").read_bytes()
    assert json.loads((saved / "tokenizer_config.json").read_text()) == {
        "tokenizer_class": "PreTrainedTokenizerFast"
    }
    assert "Bert" not in type(load_tokenizer(saved)).__name__


def test_a_copied_tokenizer_brings_its_chat_templates_and_nothing_from_outside(tokenizer_folder, tmp_path):
    own, saved = tmp_path / "own", tmp_path / "saved"
    shutil.copytree(tokenizer_folder, own)
    (own / "additional_chat_templates").mkdir()
    (own / "additional_chat_templates" / "tool.jinja").write_text("{{ 1 }}")
    saved.mkdir()
    copy_tokenizer(own, saved)
    assert (saved / "additional_chat_templates" / "tool.jinja").read_text() == "{{ 1 }}"
    (own / "chat_template.jinja").symlink_to("/proc/self/environ")
    with pytest.raises(FileError, match=r"chat_template\.jinja is a link to /proc/"):
        copy_tokenizer(own, saved)


def test_quiet_gives_the_settings_back():
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with quiet():
        pass
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_a_machine_without_a_gpu_says_so():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UsageError, match="torch sees no GPU here") as caught:
        machine_of(FinetuneConfig(device="cuda"))
    assert caught.value.fix == "--device cpu, or auto"
    assert machine_of(FinetuneConfig(precision="bf16")).precision == "bf16"
    assert machine_of(FinetuneConfig(precision="fp32")).peak_memory_mb() > 10


def test_a_disk_without_room_for_the_model_says_so_before_training(model_folder, tmp_path, monkeypatch):
    model = load_classifier(model_folder, TASKS["sst2"], seed=0).model
    must_have_room(model, tmp_path / "not" / "yet" / "run")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(0, 0, 1_000))
    with pytest.raises(ResourceError, match="run would take 0 MB, and its disk has 0 MB left"):
        must_have_room(model, tmp_path / "run")


def test_a_length_limit_that_leaves_nothing_is_refused(model_folder, tokenizer):
    tokenizer.model_max_length = -1
    model = load_classifier(model_folder, TASKS["sst2"], seed=0).model
    with pytest.raises(FileError, match="cut to -1 tokens"):
        model_inputs_of(model, tokenizer, 128)


def test_what_the_library_says_of_options_it_does_not_know_is_no_part_of_the_result(tmp_path, capfd):
    """It prints their names, with what drives a terminal in them, where --json is read."""
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1}, unk_token="[UNK]"))
    words.add_special_tokens(["[PAD]"])
    words.save(str(tmp_path / "tokenizer.json"))
    entry = {"content": "[PAD]", "special": True, "x\x1b]0;pwn\x07": 1}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "added_tokens_decoder": {"1": entry}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert load_tokenizer(tmp_path).get_vocab() == {"[UNK]": 0, "[PAD]": 1}
    assert capfd.readouterr().out == ""


def test_a_tokenizer_on_which_the_library_breaks_is_one_sentence(tmp_path, capfd):
    words = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    raw = json.loads(words.to_str()) | {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(raw))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    with pytest.raises(FileError, match="is not a tokenizer the library can use") as caught:
        load_tokenizer(tmp_path)
    assert str(tmp_path) in caught.value.message
    assert capfd.readouterr() == ("", "")
