import pytest

from tokbench.errors import FileError
from tokbench.io import hub

PLACE = "https://hub.test:1234"


def test_what_can_be_a_name_there_and_what_is_a_path():
    on_hub = ["gpt2", "openai/whisper-tiny.en", "Qwen/Qwen2.5-0.5B", "a_b/c-d"]
    paths = ["", ".", "./a", "/a", "~/a", "a/b/c", "a/", "a b", "한국/어", "tok.json", "corpus.TXT", "a\\b"]
    assert [name for name in on_hub + paths if hub.may_be_on_hub(name)] == on_hub


@pytest.fixture
def asked(monkeypatch):
    """Where a connection was tried; it is refused."""
    places = []

    def connect(place, timeout):
        places.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(hub.socket, "create_connection", connect)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", PLACE)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return places


def test_one_connection_is_tried_and_no_more(asked):
    with pytest.raises(FileError, match="the hub cannot be reached"):
        hub.fetch("org/name", ["tokenizer.json"], ["tokenizer_config.json"])
    assert asked == [("hub.test", 1234)]


def test_a_proxy_is_asked_in_its_place(asked, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.test:8080")
    with pytest.raises(FileError):
        hub.fetch("org/name", ["tokenizer.json"])
    assert asked == [("proxy.test", 8080)]


def test_switched_off_means_not_asked(asked, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(FileError):
        hub.fetch("org/name", ["tokenizer.json"])
    assert asked == []
