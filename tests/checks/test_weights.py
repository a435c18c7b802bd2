"""One file, shards, pickles, and indexes that lead elsewhere."""

import json

import pytest

from tokbench.model.safetensors_files import Tensor, Weights, read_weights

from .folders import write_header


def index(folder, **places):
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


def test_no_weights_are_no_problem(tmp_path):
    assert read_weights(tmp_path) == Weights()


def test_shards_are_read_together(tmp_path):
    write_header(tmp_path / "model-1.safetensors", {"a": (2, 3)})
    write_header(tmp_path / "model-2.safetensors", {"b": (4,)})
    index(tmp_path, a="model-1.safetensors", b="model-2.safetensors")
    assert read_weights(tmp_path).tensors == {"a": Tensor((2, 3), "F32"), "b": Tensor((4,), "F32")}


def test_a_linked_file_is_followed_as_the_hubs_cache_needs(tmp_path):
    (tmp_path / "blobs").mkdir()
    (tmp_path / "model.safetensors").symlink_to(write_header(tmp_path / "blobs" / "0a1b", {"a": (2,)}))
    assert read_weights(tmp_path).tensors == {"a": Tensor((2,), "F32")}


@pytest.mark.parametrize("place", ["../x.safetensors", "/etc/passwd", "sub/x.safetensors", "..", "", r"..\x"])
def test_an_index_may_not_lead_out_of_the_folder(place, tmp_path):
    index(tmp_path, a=place)
    assert "points out of the folder" in read_weights(tmp_path).problem


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"weight_map": []}', "no weight_map"),
        ('{"weight_map": {"a": 1}}', "no weight_map"),
        ("{", "not whole JSON"),
    ],
)
def test_a_damaged_index_is_a_problem(content, words, tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(content)
    assert words in read_weights(tmp_path).problem


def test_a_missing_shard_and_a_missing_tensor_are_problems(tmp_path):
    index(tmp_path, a="model-1.safetensors")
    assert "model-1.safetensors is not a file" in read_weights(tmp_path).problem
    write_header(tmp_path / "model-1.safetensors", {"b": (2,)})
    assert "names a, which no shard holds" in read_weights(tmp_path).problem


def test_an_index_of_thousands_of_files_is_not_followed(tmp_path):
    index(tmp_path, **{str(at): f"{at}.safetensors" for at in range(2_001)})
    assert "2,001 files" in read_weights(tmp_path).problem


def test_a_pickle_is_named_and_not_opened(tmp_path):
    (tmp_path / "pytorch_model.bin").mkdir()  # opening it would fail
    assert read_weights(tmp_path) == Weights(pickled="pytorch_model.bin")
