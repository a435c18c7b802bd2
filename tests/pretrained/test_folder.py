import json
import os
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

import tokbench as tb
from tokbench.errors import FileError
from tokbench.io.json_files import read_object
from tokbench.pretrained.folder import load, save_folder, tokenizer_text


def damaged(**changes):
    """A WordPiece file with these parts changed."""
    whole = {
        "version": "1.0",
        "added_tokens": [],
        "model": {"type": "WordPiece", "unk_token": "a", "vocab": {"a": 0}},
    }
    return json.dumps({**whole, **changes}).encode()


BAD_MERGE = {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]}
BROKEN_FILES = {
    "cut short": (damaged()[:-20], "not whole JSON"),
    "empty": (b"", "is empty"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    "a web page": (b"<!DOCTYPE html><html></html>", "web page"),
    "a list": (b"[1, 2]", "JSON list"),
    "no tokenizer": (b'{"vocab": {}}', "describes no model"),
    "an unknown model": (damaged(model={"type": "Nonsense"}), "not a tokenizer the library can use"),
    "a model of the wrong type": (damaged(model="BPE"), "describes no model"),
    "a merge of nothing": (damaged(model=BAD_MERGE), "not a tokenizer the library can use"),
    "a bad map": (
        damaged(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        "library can use",
    ),
    "UTF-16": (damaged().decode().encode("utf-16"), "not UTF-8"),
    "nested without end": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nobody should read"),
    "a number without end": (b'{"model": ' + b"9" * 5_000 + b"}", "nobody should read"),
}


@pytest.mark.parametrize("case", BROKEN_FILES)
def test_a_broken_file_is_named_in_one_sentence(tmp_path, capfd, case):
    content, sentence = BROKEN_FILES[case]
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(FileError) as caught:
        load(tmp_path)
    assert sentence in caught.value.message
    assert str(tmp_path / "tokenizer.json") in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.fix
    assert capfd.readouterr() == ("", "")  # a panic writes to stderr before Python hears of it


def test_a_broken_config_is_named(folder):
    (folder.path / "tokenizer_config.json").write_text("{")
    with pytest.raises(FileError, match=r"tokenizer_config\.json is not whole JSON"):
        load(folder.path)


def test_a_file_beyond_the_limit_is_not_read(tmp_path):
    (tmp_path / "big.json").write_text("{}" + " " * 100)
    with pytest.raises(FileError, match="no such file is read beyond"):
        read_object(tmp_path / "big.json", limit=50)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "tokenizer.json")
    with pytest.raises(FileError, match="is not a file"):
        load(tmp_path)


FOLDERS_WITHOUT = {
    "config.json": "a model's folder",
    "notes.txt": "name the folder that holds it",
}


@pytest.mark.parametrize("file", FOLDERS_WITHOUT)
def test_a_folder_without_a_tokenizer_says_what_is_in_it(tmp_path, file):
    (tmp_path / file).write_text("")
    with pytest.raises(FileError, match=r"has no tokenizer\.json") as caught:
        load(tmp_path)
    assert FOLDERS_WITHOUT[file] in caught.value.fix


def test_a_tokenizer_one_folder_down_is_pointed_at(folder):
    with pytest.raises(FileError) as caught:
        load(folder.path.parent)
    assert caught.value.fix.endswith(str(folder.path))


@pytest.mark.parametrize("name", ["./tik", "a/b/c", "/no/where", "tik.json", "~/no/where", "q w", ""])
def test_a_mistyped_path_asks_no_network(monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("asked the network"))
    with pytest.raises(FileError):
        load(name)


def test_a_slip_in_a_known_folder_is_a_path(monkeypatch, folder):
    monkeypatch.chdir(folder.path.parent.parent)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("asked the network"))
    with pytest.raises(FileError) as caught:
        load(f"{folder.path.parent.name}/tokk")
    assert caught.value.fix == f"did you mean {folder.path.parent.name}/tok?"


def test_offline_an_unknown_name_is_answered_at_once(monkeypatch, folder):
    monkeypatch.chdir(folder.path.parent)
    start = time.perf_counter()
    with pytest.raises(FileError, match="no folder here and not in the local cache") as caught:
        load("tokk")
    assert time.perf_counter() - start < 8  # the hub's own client tries for 23 s
    assert caught.value.fix == "did you mean tok?"


def keep_silent(*_, **__):
    time.sleep(10)
    raise TimeoutError


def test_a_silent_network_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("tokbench.io.hub.PATIENCE", 0.1)
    monkeypatch.setattr(socket, "create_connection", keep_silent)
    start = time.perf_counter()
    with pytest.raises(FileError, match="hub cannot be reached"):
        load("some-org/some-name")
    assert time.perf_counter() - start < 8  # the hub's own client tries for 23 s


def test_a_name_in_the_cache_needs_no_network(monkeypatch, tmp_path, folder):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    repository = tmp_path / "cache" / "models--some-org--some-name"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    for file in folder.path.iterdir():
        (snapshot / file.name).write_bytes(file.read_bytes())
    found = load("some-org/some-name")
    assert found.roles == folder.roles
    assert found.path == snapshot


def test_saved_then_loaded_is_the_same(kind, make_folder):
    tokenizer, _ = kind
    again = make_folder(tokenizer)
    assert tokenizer_text(again.tokenizer) == tokenizer_text(tokenizer)
    assert again.config == {}


def test_a_bare_file_is_a_tokenizer_too(folder):
    bare = load(folder.path / "tokenizer.json")
    assert bare.path == folder.path / "tokenizer.json"
    assert bare.config == {}
    assert bare.roles == folder.roles  # guessed by their spelling


def test_truncation_and_padding_are_shown_and_not_saved(folder, make_folder):
    folder.tokenizer.enable_truncation(4)
    folder.tokenizer.enable_padding(length=4)
    (folder.path / "tokenizer.json").write_text(folder.tokenizer.to_str())
    baked = load(folder.path)
    assert baked.raw["truncation"]["max_length"] == 4
    assert make_folder(baked.tokenizer, name="again").raw["truncation"] is None
    assert baked.tokenizer.truncation["max_length"] == 4  # saving changed nothing in what it was given


def test_roles_of_an_older_folder_come_from_its_second_file(folder):
    (folder.path / "tokenizer_config.json").write_text("{}")
    roles = {"cls_token": "[SEP]", "additional_special_tokens": ["[MASK]"]}
    (folder.path / "special_tokens_map.json").write_text(json.dumps(roles))
    again = load(folder.path)
    assert again.roles == {"cls": "[SEP]"}
    assert again.extra == ("[MASK]",)


def test_what_is_written_ends_lines_alike_everywhere(folder):
    content = (folder.path / "tokenizer.json").read_bytes()
    assert content.endswith(b"}\n")
    assert b"\r" not in content


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_one_changed_byte_loads_or_is_a_file_problem(folder, cut, byte):
    whole = tokenizer_text(folder.tokenizer).encode()
    at = cut % len(whole)
    (folder.path / "tokenizer.json").write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    try:
        found = load(folder.path)
    except FileError as problem:
        found = problem
    assert "tokenizer.json" in str(found) or isinstance(found.tokenizer, Tokenizer)


def test_more_files_are_written_beside_it(folder, tmp_path):
    save_folder(folder.tokenizer, folder.config, tmp_path, more={"tokbench.toml": "한 = 1\n"})
    assert (tmp_path / "tokbench.toml").read_text(encoding="utf-8") == "한 = 1\n"


def test_a_tokenizer_that_somebody_holds_is_not_changed_by_adding_to_its_folder(folder):
    loaded = load(folder.path)
    held = loaded.tokenizer
    before = held.to_str()
    grown = tb.add_tokens(loaded, tokens=["hospital"], special=["[E1]"])
    assert held.to_str() == before
    assert loaded.tokenizer is held
    assert grown.added.tokenizer.token_to_id("[E1]") is not None
