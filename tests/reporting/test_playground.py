"""The playground answers this machine only, encodes as the library does, and is not overrun."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest

from tokbench.errors import UsageError
from tokbench.pretrained.folder import load
from tokbench.recipes.build import build
from tokbench.recipes.presets import start_recipe

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from tokbench.reporting.playground import LARGEST_REQUEST, LONGEST_TEXT, MOST_CHIPS, app, listening

LINES = ["tokenizers break in silence", "안녕하세요 여러분", "안녕 안녕하세요"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("tok")
    build(start_recipe("bpe", None, {"vocab_size": "400"}), [LINES]).save(str(place / "tokenizer.json"))
    return load(place)


@pytest.fixture(scope="module")
def address(folder):
    import uvicorn

    place = listening(0)
    server = uvicorn.Server(uvicorn.Config(app({"mine": folder}, text="안녕"), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
    thread.start()
    while not server.started:
        thread.join(0.02)
    yield f"http://127.0.0.1:{place.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def ask(address, body, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/encode", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text.startswith(b"{") else text.decode()


def test_it_gives_the_ids_of_the_library(address, folder):
    text = "tokenizers 안녕하세요 👍🏽 </script>"
    status, answer = ask(address, {"tokenizer": "mine", "text": text})
    assert status == 200
    assert [each["id"] for each in answer["tokens"]] == folder.tokenizer.encode(text).ids
    assert any(each["partial"] for each in answer["tokens"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"not json", "not JSON"),
        (b"[" * 100_000, "not JSON that can be read"),
        (b'{"a":' * 100_000, "not JSON that can be read"),
        ({"tokenizer": "x" * 10_000, "text": "x"}, "xxx…xxx"),
        ({"tokenizer": "mine"}, "needs a tokenizer and a text"),
        ([1], "needs a tokenizer and a text"),
        ({"tokenizer": "other", "text": "x"}, "no tokenizer here is called 'other'"),
        ({"tokenizer": "mine", "text": "x" * (LONGEST_TEXT + 1)}, "longer than 100,000 characters"),
        (b"x" * (LARGEST_REQUEST + 1), "longer than 1,048,576 bytes"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(address, body, words):
    status, answer = ask(address, body)
    assert status == 400
    assert words in answer["error"]


def test_a_name_that_only_resolves_to_this_machine_is_refused(address):
    assert ask(address, {"tokenizer": "mine", "text": "x"}, Host="evil.example")[0] == 400


def test_a_port_that_is_taken_is_said():
    place = listening(0)
    place.listen()
    with pytest.raises(UsageError, match="cannot be used"):
        listening(place.getsockname()[1])
    place.close()


def test_a_browser_shows_the_tokens(address, browse):
    shown, console = browse(address)
    assert console == []
    assert "tokens, 2 characters, 6 bytes" in shown


def test_a_client_that_hangs_up_leaves_no_traceback(address, capfd, folder):
    port = int(address.rpartition(":")[2])
    head = b"POST /encode HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    for begun in (b"", b'{"tokenizer"'):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(head + begun)
            time.sleep(0.2)  # until the server waits for the rest
    assert ask(address, {"tokenizer": "mine", "text": "x"})[0] == 200  # it goes on
    time.sleep(0.2)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("text", ["안녕" * 50_000, "ab" * 50_000, "x y " * 25_000])
def test_a_long_text_is_counted_whole_and_drawn_in_part_within_seconds(address, folder, text):
    begun = time.process_time()  # of the server too, which is a thread of this process
    status, answer = ask(address, {"tokenizer": "mine", "text": text})
    assert time.process_time() - begun < 6
    ids = folder.tokenizer.encode(text).ids
    assert (status, answer["count"]) == (200, len(ids))
    assert [each["id"] for each in answer["tokens"]] == ids[:MOST_CHIPS]
