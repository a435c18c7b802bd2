import json
import subprocess
import sys

import pytest
import transformers

from tokbench.io.cache import cache_folder
from tokbench.io.quiet import quiet
from tokbench.model.class_facts import class_facts, with_values
from tokbench.model.safetensors_files import read_weights

ASK = """
import sys
from pathlib import Path
from tokbench.model.class_facts import class_facts
from tokbench.model.safetensors_files import read_weights
folder = Path(sys.argv[1])
facts = class_facts(folder, read_weights(folder).tensors, sys.argv[2])
print(sorted({"torch", "transformers"} & set(sys.modules)), facts.growth.name)
"""


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache of this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def asked(folder, kind):
    return class_facts(folder, read_weights(folder).tensors, kind)


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("bert", "BertForMaskedLM"),
        ("mobilebert", "MobileBertForMaskedLM"),
        ("bart", "BartForConditionalGeneration"),
        ("gemma4_text", "Gemma4ForCausalLM"),
        ("t5gemma2", "T5Gemma2ForConditionalGeneration"),
        ("clip", "CLIPModel"),
    ],
)
def test_what_a_class_said_is_read_again_as_it_was_said(tiny, tmp_path, kind, name):
    with quiet():
        getattr(transformers, name)(tiny.config_of(kind)).save_pretrained(tmp_path / "model")
    first, again = (asked(tmp_path / "model", name) for _ in range(2))
    assert first == again
    assert first is not again
    assert first.tables.text
    assert set(first.growth.places) >= set(first.tables.text)


@pytest.mark.usefixtures("own_cache")
def test_a_class_that_was_asked_needs_no_torch_again(build, save_model):
    folder = save_model(build())
    told = [
        subprocess.run(
            [sys.executable, "-c", ASK, folder, "BertForMaskedLM"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert told == ["['torch', 'transformers'] BertForMaskedLM", "[] BertForMaskedLM"]


@pytest.mark.usefixtures("own_cache")
def test_another_config_or_other_weights_are_asked_anew(build, save_model):
    folder = save_model(build())
    before = asked(folder, "BertForMaskedLM")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "type_vocab_size": 3}))
    after = asked(folder, "BertForMaskedLM")
    assert before.tables.values["type_vocab_size"] == 2
    assert after.tables.values["type_vocab_size"] == 3
    assert after.outcome.other == ("bert.embeddings.token_type_embeddings.weight",)


@pytest.mark.usefixtures("own_cache")
def test_a_damaged_answer_is_asked_again(build, save_model):
    folder = save_model(build())
    before = asked(folder, "BertForMaskedLM")
    [kept] = cache_folder().glob("class-facts-*")
    kept.write_bytes(kept.read_bytes()[:-9])
    assert asked(folder, "BertForMaskedLM") == before


def test_a_place_in_json_is_set_and_the_object_that_was_given_stays():
    given = {"a": {"b": 1}}
    assert with_values(given, {"a.b": 2, "c": 3}) == {"a": {"b": 2}, "c": 3}
    assert given == {"a": {"b": 1}}
