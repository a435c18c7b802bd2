"""Growth of models that are taken for large: by their files, a part at a time, without loading them."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import tokbench as tb
from tests.adapt.test_grow import edit_weights, files_end_at
from tests.model.conftest import tiny
from tests.model.test_stream import tensors_of
from tokbench.adapt import grow
from tokbench.adapt.extend import extend
from tokbench.adapt.grow import add_tokens, resize
from tokbench.errors import FileError, NegativeResultError, ResourceError, UsageError
from tokbench.io.quiet import quiet
from tokbench.model.loading import load_model
from tokbench.model.safetensors_files import read_header

__all__ = ["tiny"]

NEW = {"tokens": ["hospital", "foxes19"], "special": ["[E1]"]}
GROW = """
import sys
from tokbench.adapt import grow
grow.TRIED = 0
grow.add_tokens(sys.argv[1], ["hospital"], model=sys.argv[1], output=sys.argv[2])
print(sorted({"torch", "transformers"} & set(sys.modules)))
"""
INDEX = "model.safetensors.index.json"


@pytest.fixture(autouse=True)
def large(monkeypatch):
    """Any model is taken for one that is too large to be loaded unasked."""
    monkeypatch.setattr("tokbench.adapt.grow.TRIED", 0)


@pytest.fixture
def pair(build, save_model, tokenizer_folder):
    """A function: a folder that holds a tokenizer and its model, in shards if need be."""

    def made(kind="BertForMaskedLM", *, shards="50GB", **changes):
        path = save_model(build(kind))
        for file in path.glob("*.safetensors"):
            file.unlink()
        with quiet():
            build(kind, **changes).save_pretrained(path, max_shard_size=shards)
        return shutil.copytree(tokenizer_folder.path, path, dirs_exist_ok=True)

    return made


def grown(path, out, **choices):
    return add_tokens(path, model=path, output=out, **{**NEW, **choices})


def listing(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*")}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("bert", "BertForMaskedLM"),
        ("bert", "BertForQuestionAnswering"),
        ("gpt2", "GPT2LMHeadModel"),
        ("llama", "LlamaForCausalLM"),
        ("gemma4_text", "Gemma4ForCausalLM"),
        ("mobilebert", "MobileBertForMaskedLM"),
        ("marian", "MarianMTModel"),
        ("t5", "T5ForConditionalGeneration"),
        ("gemma3n_text", "Gemma3nForCausalLM"),
        ("clip", "CLIPModel"),
        ("blip-2", "Blip2ForConditionalGeneration"),
        ("whisper", "WhisperForConditionalGeneration"),
    ],
)
def test_a_large_model_becomes_what_a_loaded_one_becomes(tiny, tmp_path, kind, name):
    tiny.saved(kind, tmp_path / "old", name=name)
    streamed = grown(tmp_path / "old", tmp_path / "new", start="normal")
    loaded = add_tokens(tmp_path / "old", model=tmp_path / "old", **NEW, start="normal")
    assert (streamed.grown, streamed.proof, loaded.rewritten) == (None, None, None)
    assert loaded.proof.holds
    assert streamed.resized == loaded.resized
    assert streamed.plan == loaded.plan
    wanted, again = loaded.grown.state_dict(), load_model(tmp_path / "new")
    found = again.model.state_dict()
    assert (again.fresh, again.dropped) == ((), ())
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in found)
    assert again.model.config.to_dict() == {
        **loaded.grown.config.to_dict(), "_name_or_path": again.model.config._name_or_path,
        "transformers_version": again.model.config.transformers_version,
    }  # fmt: skip


@pytest.mark.parametrize("start", ["pieces", "mean", "zero", "copy=fox"])
def test_every_way_to_start_gives_the_rows_of_a_loaded_model(pair, tmp_path, start):
    path, more = pair("LlamaForCausalLM"), {"start": start, "descriptions": {"hospital": "the quick fox"}}
    streamed = grown(path, tmp_path / "new", **more)
    loaded = add_tokens(path, model=path, **NEW, **more)
    assert streamed.resized == loaded.resized
    found, wanted = tensors_of(tmp_path / "new"), loaded.grown.state_dict()
    assert all(torch.equal(found[key], wanted[key]) for key in found)


def test_what_was_asked_to_be_proved_is_loaded_and_tried(pair, tmp_path):
    growth = grown(pair(), tmp_path / "new", prove=True)
    assert growth.proof.holds
    assert growth.rewritten.untouched


def test_a_class_that_was_asked_is_not_imported_to_grow_its_model(pair, tmp_path):
    grown(path := pair(), tmp_path / "first")
    run = [sys.executable, "-c", GROW, path, tmp_path / "new"]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_shards_stay_shards_and_the_index_says_their_sizes(pair, tmp_path):
    path = pair("GPT2LMHeadModel", shards="10KB")
    before = json.loads((path / INDEX).read_text())
    growth = grown(path, tmp_path / "new", pad_to_multiple_of=64)
    index = json.loads((tmp_path / "new" / INDEX).read_text())
    headers = {file.name: read_header(file) for file in (tmp_path / "new").glob("*.safetensors")}
    assert index["weight_map"] == before["weight_map"]
    assert growth.rewritten.files == len(headers) > 3
    sizes = [tensor.size for held in headers.values() for tensor in held.values()]
    assert index["metadata"]["total_size"] == sum(sizes)
    more = (growth.plan.size - growth.plan.rows_before) * 16
    if "total_parameters" in before["metadata"]:
        assert index["metadata"]["total_parameters"] == before["metadata"]["total_parameters"] + more
    assert before["metadata"]["total_size"] + 4 * more == sum(sizes)


def test_roles_that_move_are_stated_by_the_configs_alike(pair, tmp_path):
    path = pair("GPT2LMHeadModel")
    roles = {"eos": "<end>", "pad": "<pad2>"}
    streamed = grown(path, tmp_path / "new", roles=roles)
    loaded = grown(path, tmp_path / "loaded", roles=roles, prove=True)
    assert streamed.followed == loaded.followed != {}
    for name in ("config.json", "generation_config.json"):
        one, other = (json.loads((folder / name).read_text()) for folder in (streamed.path, loaded.path))
        assert one == other
        assert one["eos_token_id"] == streamed.added.special["<end>"]


def test_the_config_keeps_all_that_it_said(pair, tmp_path):
    path = pair()
    config = {
        **json.loads((path / "config.json").read_text()),
        "a_note": "kept",
        "transformers_version": "4.0",
    }
    (path / "config.json").write_text(json.dumps(config))
    growth = grown(path, tmp_path / "new")
    written = json.loads((growth.path / "config.json").read_text())
    assert written == {**config, "vocab_size": growth.plan.size}


def test_a_snapshot_of_the_hub_s_cache_grows_through_its_links(pair, tmp_path):
    home = tmp_path / "cache" / "models--an--owner"
    snapshot = home / "snapshots" / ("0" * 40)
    shutil.copytree(pair(shards="10KB"), snapshot)
    (home / "blobs").mkdir()
    for number, file in enumerate(sorted(snapshot.iterdir())):
        file.rename(home / "blobs" / str(number))
        file.symlink_to(f"../../blobs/{number}")
    growth = grown(snapshot, tmp_path / "new")
    assert not any(file.is_symlink() for file in growth.path.iterdir())
    assert load_model(growth.path).fresh == ()


def test_resize_and_extend_go_by_the_files_as_well(pair, tmp_path, tokenizer_folder):
    path = pair()
    with_tokens = add_tokens(tokenizer_folder.path, **NEW, output=tmp_path / "tok")
    fitted = resize(path, with_tokens.path, output=tmp_path / "fitted")
    assert (fitted.grown, fitted.plan.size) == (None, with_tokens.added.after)
    assert fitted.rewritten.started == 2 * len(fitted.plan.started)
    wider = extend(path, ["the quick quick fox quacks"] * 9, tokens=3, output=tmp_path / "wider")
    assert wider.growth.rewritten.kept


def test_a_vocabulary_in_the_place_of_another_moves_rows_by_the_files(pair, tmp_path):
    path, texts = pair("LlamaForCausalLM"), ["the quick brown fox", "a cat on the mat"] * 9
    tb.train(texts, "bpe", vocab_size=290, output=tmp_path / "tok")
    for out, choices in (("streamed", {}), ("loaded", {"prove": True})):
        tb.transplant(tmp_path / "tok", model=path, corpus=texts, output=tmp_path / out, **choices)
    one, other = (tensors_of(tmp_path / out) for out in ("streamed", "loaded"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    configs = [(tmp_path / out / "config.json").read_text() for out in ("streamed", "loaded")]
    assert configs[0] == configs[1]


def test_a_dry_run_refuses_what_the_act_refuses_and_loads_nothing(pair):
    path = pair()
    dry = grown(path, None, dry_run=True)
    assert (dry.proof, dry.rewritten, dry.plan.size) == (None, None, dry.plan.rows_before + 3)
    edit_weights(path, pack("bert.embeddings.word_embeddings.weight", torch.float8_e4m3fn))
    with pytest.raises(UsageError, match="is quantised"):
        grown(path, None, dry_run=True)


def pack(name, dtype):
    return lambda weights: weights.update({name: weights[name].to(dtype)})


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.int8, torch.uint8])
def test_packed_rows_are_refused_in_a_sentence(pair, tmp_path, dtype):
    path = pair("LlamaForCausalLM")
    edit_weights(path, pack("model.embed_tokens.weight", dtype))
    with pytest.raises(UsageError, match=r"model\.embed_tokens\.weight of .* is quantised \((F8|I8|U8)"):
        grown(path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def quantised(path, change):
    config = json.loads((path / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    (path / "config.json").write_text(json.dumps(config))
    edit_weights(path, change)


def packed_layers(weights):
    for name in [name for name in weights if "_proj" in name]:
        weights[name.replace(".weight", ".qweight")] = torch.zeros(2, 16, dtype=torch.int32)
        weights[name.replace(".weight", ".scales")] = torch.ones(1, 16, dtype=torch.float16)
        del weights[name]


def test_a_model_whose_layers_are_quantised_grows_by_its_rows_alone(pair, tmp_path):
    path = pair("LlamaForCausalLM")
    quantised(path, packed_layers)
    growth = grown(path, tmp_path / "new")
    before, after = tensors_of(path), tensors_of(growth.path)
    assert before.keys() == after.keys()
    for name, old in before.items():
        assert torch.equal(after[name][: len(old)], old)
    assert "quantization_config" in json.loads((growth.path / "config.json").read_text())


def test_a_quantised_output_matrix_is_refused(pair, tmp_path):
    path = pair("LlamaForCausalLM")
    quantised(path, lambda weights: (packed_layers(weights), weights.pop("lm_head.weight")))
    with pytest.raises(UsageError, match=r"lm_head\.weight of .* is quantised"):
        grown(path, tmp_path / "new")


def test_a_tied_matrix_that_lies_there_twice_grows_twice_and_with_other_numbers_is_refused(pair, tmp_path):
    path, name, head = pair("GPT2LMHeadModel"), "transformer.wte.weight", "lm_head.weight"
    edit_weights(path, lambda weights: weights.update({head: weights[name].clone()}))
    found = tensors_of(grown(path, tmp_path / "new").path)
    assert torch.equal(found[name], found[head])
    edit_weights(path, lambda weights: weights[head].add_(1))
    with pytest.raises(UsageError, match=r"config\.json ties .*, and the file holds other numbers for each"):
        grown(path, tmp_path / "other")


def test_a_body_under_its_own_names_grows_in_a_class_with_a_head(pair, tmp_path):
    path = pair("LlamaForCausalLM", tie_word_embeddings=True)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    weights = load_file(path / "model.safetensors")
    bare = {name.removeprefix("model."): each for name, each in weights.items() if name != "lm_head.weight"}
    save_file(bare, path / "model.safetensors", metadata={"format": "pt"})
    growth = grown(path, tmp_path / "new")
    assert tensors_of(growth.path).keys() == bare.keys()
    assert load_model(growth.path).model.lm_head.weight.shape[0] == growth.plan.size


def test_weights_that_no_class_takes_stay_behind_and_lacking_ones_are_told(pair, tmp_path):
    path = pair("BertForSequenceClassification")
    edit_weights(path, lambda weights: weights.update({"extra.weight": torch.zeros(2)}))
    edit_weights(path, lambda weights: weights.pop("classifier.bias"))
    growth = grown(path, tmp_path / "new")
    assert (growth.dropped, growth.fresh) == (("extra.weight",), ("classifier.bias",))
    assert tensors_of(path).keys() - tensors_of(growth.path).keys() == {"extra.weight"}


def test_a_head_that_the_file_lacks_is_drawn_and_saved_with_its_rows(pair, tmp_path):
    path = pair()
    edit_weights(path, lambda weights: weights.pop("cls.predictions.bias"))
    growth = grown(path, tmp_path / "new")
    assert "cls.predictions.bias" in growth.fresh
    assert growth.proof.holds  # it had to be loaded
    assert len(tensors_of(growth.path)["cls.predictions.bias"]) == growth.plan.size


def test_numbers_of_several_types_keep_theirs(pair, tmp_path):
    path = pair("LlamaForCausalLM")
    edit_weights(
        path,
        lambda weights: weights.update(
            {name: each.bfloat16() for name, each in weights.items() if "layers" in name}
        ),
    )
    before = {name: each.dtype for name, each in tensors_of(path).items()}
    for out, choices in (("new", {}), ("proved", {"prove": True})):
        growth = grown(path, tmp_path / out, **choices)
        assert {name: each.dtype for name, each in tensors_of(growth.path).items()} == before


def test_odd_rows_of_half_precision_leave_wider_numbers_where_they_can_be_read(pair, tmp_path):
    path = pair("BertForMaskedLM")
    change = lambda weights: weights.update({"cls.predictions.bias": weights["cls.predictions.bias"].half()})  # noqa: E731
    edit_weights(path, change)
    rows = len(tensors_of(path)["cls.predictions.bias"])
    growth = grown(path, tmp_path / "new", pad_to_multiple_of=(rows + 4) | 1)
    assert growth.plan.size % 2
    assert len(tensors_of(growth.path)["cls.predictions.bias"]) == growth.plan.size


def test_names_that_only_loading_knows_are_loaded(tiny, tmp_path):
    tiny.saved("deepseek_v4", tmp_path / "old", name="DeepseekV4ForCausalLM")
    growth = grown(tmp_path / "old", tmp_path / "new")
    assert growth.proof.holds
    assert growth.rewritten is None
    assert load_model(tmp_path / "new").fresh == ()


def test_a_body_that_lacks_weights_is_refused_as_loading_refuses_it(pair, tmp_path):
    path = pair()
    edit_weights(path, lambda weights: weights.pop("bert.encoder.layer.0.output.dense.weight"))
    with pytest.raises(FileError, match="lacks 1 weight of its body"):
        grown(path, tmp_path / "new")


def test_what_is_read_back_differently_is_not_saved(pair, tmp_path, monkeypatch):
    from tokbench.model import stream

    path, put, count = pair(), stream._put, iter(range(10**6))

    def bad(file, content):
        put(file, bytes(len(content)) if next(count) == 9 else content)

    monkeypatch.setattr(stream, "_put", bad)
    with pytest.raises(NegativeResultError, match="read back differs from what was written"):
        grown(path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_full_disk_in_the_middle_of_a_shard_leaves_the_old_folder(pair, tmp_path):
    path = pair(shards="10KB")
    before = listing(grown(path, tmp_path / "new").path)
    largest = max(len(content) for name, content in before.items() if name.endswith(".safetensors"))
    with pytest.raises(ResourceError, match="the disk is full"), files_end_at(largest - 100):
        grown(path, tmp_path / "new", special=["[E3]"], force=True)
    assert listing(tmp_path / "new") == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model", "new"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that were being opened
def stopped_at_random(path):
    """Grow a folder in its place 20 times and stop each at another moment; run in a process of its own.

    A stop inside of torch's own code may leave its settings, such as that for gradients, as they were there.
    """
    chance, grow.TRIED = random.Random(5), 0

    def stop(*_):
        raise KeyboardInterrupt

    start = time.perf_counter()
    grown(path, path, force=True)
    once = time.perf_counter() - start
    signal.signal(signal.SIGALRM, stop)
    stopped = 0
    for number in range(20):
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.001, 1.5 * once))
        try:
            grown(path, path, tokens=[], special=[f"[E{number}]"], force=True)
        except KeyboardInterrupt:
            stopped += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        rows = json.loads((path / "config.json").read_text())["vocab_size"]
        sizes = {each.shape[0] for name, each in tensors_of(path).items() if "word_embeddings" in name}
        assert sizes == {rows}
        left = {entry.name for entry in path.parent.iterdir()} - {path.name}
        assert all(name.startswith(".model-tokbench-tmp-") for name in left)  # stopped while it cleaned up
    assert stopped


def test_ctrl_c_at_any_moment_leaves_a_whole_folder(pair):
    path = pair(shards="10KB")
    line = f"import sys; from {__name__} import Path, stopped_at_random; stopped_at_random(Path(sys.argv[1]))"
    words, root = [sys.executable, "-c", line, str(path)], Path(__file__).parents[2]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
