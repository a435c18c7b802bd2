"""Models as transformers saves them raise no error, wherever their class keeps its vocabulary."""

import pytest

from tests.model.conftest import tiny
from tokbench.checks.run import check

__all__ = ["tiny"]

# what is unusual → its family
UNUSUAL = {
    "two vocabularies": "fsmt",
    "a head that a list of names does not know": "deepseek_v4",
    "a bias of zeros that is a buffer": "bart",
    "a row behind the vocabulary": "moshi",
    "tokens in the second dimension": "mobilebert",
    "a vocabulary in a config inside the config": "clip",
    "pictures beside texts": "blip",
    "a table a layer": "gemma4_text",
    "padding that leaks by design": "fnet",
}


@pytest.mark.parametrize("what", UNUSUAL)
def test_a_sound_model_is_not_called_broken(tiny, tmp_path, what):
    tiny.saved(UNUSUAL[what], tmp_path / "model")
    findings = check(tmp_path / "model", values=True).findings
    assert [each for each in findings if each.severity == "error"] == []


def test_a_model_that_takes_sound_is_not_tried_and_the_reason_is_said(tiny, tmp_path):
    tiny.saved("lasr_ctc", tmp_path / "model")
    checkup = check(tmp_path / "model")
    assert checkup.passed
    assert checkup.skipped["TB462"].startswith("cannot be tried here: LasrForCTC")
    assert "input_features" in checkup.skipped["TB462"]


def test_quantised_weights_are_not_tried_and_the_reason_is_said(tiny, tmp_path):
    import json

    tiny.saved("llama", tmp_path / "model")
    place = tmp_path / "model" / "config.json"
    config = json.loads(place.read_text())
    place.write_text(json.dumps({**config, "quantization_config": {"quant_method": "gptq", "bits": 4}}))
    checkup = check(tmp_path / "model")
    assert checkup.passed
    assert checkup.skipped["TB462"] == "cannot be tried here: the weights are quantised (gptq)"


def test_padding_that_leaks_by_design_is_a_note(tiny, tmp_path):
    tiny.saved("fnet", tmp_path / "model")
    [found] = [each for each in check(tmp_path / "model").findings if each.code == "TB464"]
    assert (found.severity, found.message.startswith("this class lets padding")) == ("note", True)


@pytest.mark.parametrize("damage", [{"num_hidden_layers": 1_000_000_000}, {"num_experts": 10**9}])
def test_no_model_is_built_of_what_the_weights_do_not_bear_out(tiny, tmp_path, damage):
    import json

    tiny.saved("bert", tmp_path / "model")
    place = tmp_path / "model" / "config.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), **damage}))
    checkup = check(tmp_path / "model")
    assert "1,000,000,000" in checkup.skipped["TB461"]
