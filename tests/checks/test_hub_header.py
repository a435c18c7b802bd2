"""A hub of our own on this machine: config and header are asked for, the weights are not."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tokbench.checks.model_files import weights_on_hub
from tokbench.model.safetensors_files import Weights

from .folders import clean, clean_pair, write_header

LOOK = """
import json, sys
from tokbench.checks.run import check
from dataclasses import asdict
print(json.dumps(asdict(check(sys.argv[1], "org/grown", quick=True))))
"""


@pytest.fixture
def hub(tmp_path):
    """Serves a folder as the repository org/grown; tells how many bytes of each file were asked for."""
    folder, given = tmp_path / "repository", {}
    folder.mkdir()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, *, body):
            name = self.path.rpartition("/")[2]
            content = (folder / name).read_bytes() if (folder / name).is_file() else None
            wanted = self.headers.get("range")
            if content is not None and wanted:
                start, _, end = wanted.removeprefix("bytes=").partition("-")
                content = content[int(start) : int(end) + 1]
            self.send_response(404 if content is None else 206 if wanted else 200)
            self.send_header("X-Repo-Commit", "a" * 40)
            self.send_header("ETag", f'"{name}"')
            if content is None:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if body and content is not None:
                given[name] = given.get(name, 0) + len(content)
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, given, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def look(tokenizer, endpoint, home):
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "NO_PROXY": "127.0.0.1"}
    run = subprocess.run(
        [sys.executable, "-c", LOOK, str(tokenizer)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_of_a_model_on_the_hub_only_the_header_is_fetched(hub, tmp_path):
    folder, given, endpoint = hub
    pair = clean_pair("bert")
    pair.tensors = {"bert.embeddings.word_embeddings.weight": (200_000, 8)}
    pair.write(folder)
    tokenizer = clean("bert").write(tmp_path / "tokenizer")
    checkup = look(tokenizer, endpoint, tmp_path / "home")
    assert checkup["model"] == "org/grown"
    assert "TB402" in {finding["code"] for finding in checkup["findings"]}
    assert "200,000" in json.dumps(checkup)
    assert given["model.safetensors"] <= 100_001 < (folder / "model.safetensors").stat().st_size
    assert "tokenizer.json" not in given


def test_shards_on_the_hub_are_asked_one_by_one(hub, tmp_path):
    folder, given, endpoint = hub
    pair = clean_pair("bert")
    pair.tensors = None
    places = {"bert.embeddings.word_embeddings.weight": "model-1.safetensors"}
    pair.sides["model.safetensors.index.json"] = {"weight_map": places}
    pair.write(folder)
    write_header(folder / "model-1.safetensors", dict.fromkeys(places, (77, 8)))
    checkup = look(clean("bert").write(tmp_path / "tokenizer"), endpoint, tmp_path / "home")
    assert "TB402" in {finding["code"] for finding in checkup["findings"]}
    assert "model-1.safetensors" in given


def test_a_snapshot_that_has_the_weights_is_read_where_it_lies(tmp_path):
    pair = clean_pair("bert")
    folder = pair.write(tmp_path)
    assert weights_on_hub("org/grown", folder).tensors.keys() == pair.tensors.keys()


def test_an_index_that_leads_astray_is_a_problem_before_anything_is_asked(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../b"}}')
    assert "points out of the folder" in weights_on_hub("org/grown", tmp_path).problem


def test_offline_the_header_is_said_to_be_unread(tmp_path):
    found = weights_on_hub("org/grown", tmp_path)
    assert found == Weights(unread=found.unread)
    assert "no header of org/grown" in found.unread
