"""The models and runs that the command lines of the hints read: sound ones, and ones with one fault each."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    GPT2Config,
    GPT2LMHeadModel,
)

from tests.cli.hint_circumstances import stopped
from tests.cli.hint_scenarios_finetune import KEPT, SAVING, TRAIN
from tokbench.__main__ import main
from tokbench.io.quiet import quiet

SMALL = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_hidden_layers": 1}
FEW = {"n_embd": 8, "n_head": 1, "n_layer": 1, "n_positions": 32}
WEIGHTS = "model.safetensors"
BIAS = "bert.encoder.layer.0.output.dense.bias"
WORD = "bert.embeddings.word_embeddings.weight"
# Small models that benchmarks/tiny_models.py makes of families of transformers, with their tokenizers.
FAMILIES = {
    "behind": ("moshi", "MoshiForCausalLM"),
    "writes": ("hubert", "HubertForCTC"),
    "times": ("whisper", "WhisperForConditionalGeneration"),
    "pooled": ("clip_text_model", "CLIPTextModel"),
    "second": ("idefics", "IdeficsForVisionText2Text"),
    "sounds": ("speecht5", "SpeechT5ForSpeechToText"),
    "peaked": ("gpt2", "GPT2LMHeadModel"),
    "unstable": ("pi0", "PI0ForConditionalGeneration"),
}


def make_pair():
    """The model beside the tokenizer `pair`, which most command lines take."""
    with quiet():
        BertForMaskedLM(BertConfig(vocab_size=300, **SMALL)).save_pretrained("pair")


def make_models():
    """All other models, in the current folder."""
    with quiet():
        for name, rows in (("few", 100), ("gpt", 300)):
            GPT2LMHeadModel(GPT2Config(vocab_size=rows, **FEW)).save_pretrained(name)
        untied = GPT2Config(vocab_size=300, tie_word_embeddings=False, **FEW)
        GPT2LMHeadModel(untied).save_pretrained("headless")
        two = EncoderDecoderConfig.from_encoder_decoder_configs(
            *(BertConfig(vocab_size=300, **SMALL) for _ in range(2))
        )
        EncoderDecoderModel(two).save_pretrained("two")
        two.decoder.vocab_size = 310
        EncoderDecoderModel(two).save_pretrained("unlike")
    _change_weights("headless", lambda weights: weights.pop("lm_head.weight"))
    tiny = _tiny()
    for folder, (kind, name) in FAMILIES.items():
        tiny.saved(kind, Path(folder), name=name)
    _spoil()
    _make_warmable()


def _make_warmable():
    """A grown model with its record, and copies of it and of what it was grown from with one fault each."""
    assert main(["add-tokens", "pair", "--token", "zebra", "--model", "pair", "-o", "warmable"]) == 0
    for folder in ("recordless", "unchanged", "orphan", "moved", "headed", "short"):
        shutil.copytree("warmable", folder)
    Path("recordless/tokbench.json").unlink()
    _change_json("unchanged/tokbench.json", added={"special": {}, "regular": {}})
    _change_json("orphan/tokbench.json", grown_from=None)
    _change_json("moved/tokbench.json", grown_from={"tokenizer": "gone", "model": "gone"})
    with quiet():
        short = BertForMaskedLM.from_pretrained("pair")
        short.resize_token_embeddings(100)
        short.save_pretrained("short")
    for folder, base in (("stranger", "pair"), ("pair-body", "pair"), ("written", "tok")):
        shutil.copytree(base, folder)
    _change_weights("stranger", lambda weights: weights[BIAS].add_(1))
    for file in ("config.json", WEIGHTS):
        shutil.copy(f"gpt/{file}", "written")
    for folder, source in (("headed", "warmable"), ("pair-body", "pair")):
        torch.manual_seed(0)  # of the pooler, which is new
        with quiet():
            BertModel.from_pretrained(source).save_pretrained(folder)


def _spoil():
    """One fault each."""
    for folder in ("heads", "body", "shapes", "twin", "bare", "unpadded", "odd", "packed"):
        shutil.copytree("pair", folder)
    _change_config("heads", num_attention_heads=3)
    _change_config("odd", hidden_size="abc")
    _change_weights("body", lambda weights: weights.pop("bert.encoder.layer.0.output.dense.weight"))
    _change_weights("shapes", lambda weights: weights.update({WORD: weights[WORD][:290].clone()}))
    _change_weights("packed", lambda weights: weights.update({WORD: weights[WORD].to(torch.int8)}))
    with quiet():
        BertForMaskedLM(BertConfig(vocab_size=400, sep_token_id=350, **SMALL)).save_pretrained("wide")
    _change_json("bare/tokenizer.json", post_processor=None)
    _change_json("unpadded/tokenizer_config.json", pad_token=None)
    Path("nameless").mkdir()
    Path("nameless/config.json").write_text('{"hidden_size": 8}')
    for file in (WEIGHTS, "tokenizer.json"):
        shutil.copy(f"pair/{file}", "nameless")
    config = Path("times/generation_config.json")
    said = json.loads(config.read_text())
    said.pop("_from_model_config")  # else it would be made anew from the model's config
    config.write_text(json.dumps({**said, "no_timestamps_token_id": 100}))
    _change_config("pooled", eos_token_id=2)

    def peak(weights):
        weights["transformer.wte.weight"] = weights["transformer.wte.weight"] * 40 - 4
        weights["transformer.ln_f.bias"] += 3

    _change_weights("peaked", peak)


def _write_named_twice(path):
    """A table whose classes have one name, as datasets writes names down."""
    from pyarrow import parquet, table

    rows = table({"text": ["a", "b"] * 20, "stars": [0, 1] * 20, "other": ["yes", "no"] * 20})
    names = {"info": {"features": {"stars": {"names": ["good", "good"], "_type": "ClassLabel"}}}}
    parquet.write_table(rows.replace_schema_metadata({"huggingface": json.dumps(names)}), path)


def make_runs():
    """One that is finished, one that was stopped, and copies of the first with one fault each."""
    assert main([*f"finetune {TRAIN} -o trained -q".split()]) in (0, 1)
    assert main([*f"finetune --data rows.csv {KEPT} -o owned -q".split()]) in (0, 1)
    _write_named_twice("twice.parquet")
    with stopped(Path.cwd()):
        assert main([*f"finetune {SAVING} -o made -q".split()]) == 130
    Path("made.unfinished").rename("stopped.unfinished")
    for folder in ("unread", "reshaped"):
        shutil.copytree("trained", folder)
    for file in ("config.json", WEIGHTS):
        shutil.copy(f"trained/{file}", "outgrown")
    _change_json("unread/tokenizer_config.json", extra_special_tokens=5)
    _change_weights("reshaped", lambda weights: weights.update({WORD: weights[WORD][:290].clone()}))


def _tiny():
    script = Path(__file__).parents[2] / "benchmarks" / "tiny_models.py"
    spec = importlib.util.spec_from_file_location("tiny_models", script)
    module = sys.modules["tiny_models"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _change_config(folder, **values):
    _change_json(f"{folder}/config.json", **values)


def _change_json(file, **values):
    Path(file).write_text(json.dumps(json.loads(Path(file).read_text()) | values))


def _change_weights(folder, change):
    weights = load_file(f"{folder}/{WEIGHTS}")
    change(weights)
    save_file(weights, f"{folder}/{WEIGHTS}", metadata={"format": "pt"})
