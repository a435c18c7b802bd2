import json
import pickle

import pytest

from tokbench.errors import FileError
from tokbench.model.files import architecture, ensure_weights, find_model

CONFIG = {"model_type": "bert", "architectures": ["BertModel"]}


@pytest.fixture
def model(tmp_path):
    """A folder with a config and no weights yet."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return tmp_path


def index(folder, **weight_map):
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_the_config_says_which_class_it_was(model):
    assert architecture(model) == "BertModel"
    (model / "config.json").write_text("{}")
    assert architecture(model) == ""


def test_whole_folders_are_whole(model):
    (model / "model-1.safetensors").write_text("")
    index(model, a="model-1.safetensors")
    ensure_weights(model)
    (model / "model.safetensors").write_text("")
    assert find_model(model) == model


def test_a_folder_without_config_or_weights_says_which(tmp_path, model):
    with pytest.raises(FileError, match=r"has no model\.safetensors"):
        find_model(model)
    (model / "config.json").unlink()
    with pytest.raises(FileError, match=r"has no config\.json"):
        find_model(tmp_path)


@pytest.mark.parametrize("file", ["pytorch_model.bin", "tf_model.h5"])
def test_pickled_weights_are_refused_unread(model, file):
    (model / file).write_bytes(pickle.dumps(CONFIG))
    with pytest.raises(FileError, match="can run code") as caught:
        find_model(model)
    assert "save_pretrained" in caught.value.fix


OUTSIDE = [
    "../secret.safetensors",
    "/etc/secret.safetensors",
    "a/b.safetensors",
    "..\\x.safetensors",
    "w.bin",
    "",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_an_index_cannot_reach_outside_its_folder(model, name):
    index(model, a="model-1.safetensors", b=name)
    with pytest.raises(FileError, match="no file of its own"):
        ensure_weights(model)


def test_an_index_without_its_files_names_the_first(model):
    index(model, a="model-1.safetensors")
    with pytest.raises(FileError, match=r"lacks model-1\.safetensors"):
        ensure_weights(model)
    (model / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(FileError, match="no weight_map"):
        ensure_weights(model)


@pytest.mark.parametrize("name", ["./nothing", "/no/model", "a/b/c", "x.safetensors"])
def test_a_mistyped_path_is_answered_without_network(name):
    with pytest.raises(FileError, match="no model folder at"):
        find_model(name)


def test_an_unknown_name_is_answered_offline():
    with pytest.raises(FileError, match="hub cannot be reached"):
        find_model("some-org/some-model")


GIANTS = ("num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size", "max_position_embeddings")


@pytest.mark.parametrize("key", GIANTS)
def test_what_config_json_claims_is_held_against_the_headers_before_anything_is_built(
    build, save_model, tokenizer_folder, key
):
    import json
    import time

    from tokbench.adapt.grow import add_tokens, resize

    path = save_model(build())
    place = path / "config.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), key: 1_000_000_000}))
    started = time.process_time()
    for act in (
        lambda: add_tokens(tokenizer_folder.path, ["zzq"], model=path),
        lambda: add_tokens(tokenizer_folder.path, ["zzq"], model=path, dry_run=True),
        lambda: resize(path, tokenizer_folder.path),
    ):
        with pytest.raises(FileError, match=r"1,?000,?000,?000"):
            act()
    assert time.process_time() - started < 20
