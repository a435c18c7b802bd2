"""No false alarms: the folders of every preset and of a small model that transformers itself saved."""

from dataclasses import replace

import pytest

presets = pytest.importorskip("tokbench.recipes.presets")
trained = pytest.importorskip("tokbench.pretrained.train")

from tokbench.checks.run import check  # noqa: E402
from tokbench.corpus.samples import shipped  # noqa: E402
from tokbench.recipes.presets import DEFAULTS  # noqa: E402

RECIPES = dict(presets.PRESETS) | {f"train-{name}": recipe for name, recipe in DEFAULTS.items()}
MODELS = {
    "bert": "bert",
    "roberta": "roberta",
    "gpt2": "gpt2",
    "t5": "t5",
    "llama3": "llama",
    "albert": "albert",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    lines = shipped("english.txt").read_text(encoding="utf-8").splitlines()[:60]
    path = tmp_path_factory.mktemp("corpus") / "some.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def least(recipe):
    """A size in which there is room for pieces: CLIP's alphabet has each byte twice."""
    return 600 if recipe.trainer.get("end_of_word_suffix") else 0


@pytest.mark.parametrize("name", RECIPES)
def test_a_trained_preset_has_neither_errors_nor_warnings(name, corpus, tmp_path):
    recipe = replace(RECIPES[name], vocab_size=max(450, least(RECIPES[name])))
    trained.train([corpus], recipe, output=tmp_path / name)
    checkup = check(tmp_path / name)
    assert [finding for finding in checkup.findings if finding.severity != "note"] == []


@pytest.mark.parametrize("name", MODELS)
def test_a_preset_with_a_model_made_for_it_has_neither(name, corpus, tmp_path):
    pytest.importorskip("torch")
    import torch
    import transformers

    folder = tmp_path / name
    trained.train([corpus], replace(RECIPES[name], vocab_size=max(450, least(RECIPES[name]))), output=folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config_class = type(transformers.CONFIG_MAPPING[MODELS[name]]())
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    small |= {"d_model": 16, "d_ff": 16, "d_kv": 8, "num_layers": 1, "num_heads": 2} if name == "t5" else {}
    small |= {"embedding_size": 16} if name == "albert" else {}
    ids = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("pad", "bos", "eos")}
    starts = {"decoder_start_token_id": ids["pad_token_id"]} if name == "t5" else {}
    config = config_class(
        vocab_size=len(tokenizer),
        **small,
        **ids,
        **starts,
        **({} if name == "t5" else {"max_position_embeddings": 8194}),
    )
    torch.manual_seed(0)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    checkup = check(folder)
    assert [finding for finding in checkup.findings if finding.severity != "note"] == []
    assert not {"TB401", "TB402", "TB404", "TB411"} & checkup.skipped.keys()
