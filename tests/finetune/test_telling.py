"""What a run tells others: TensorBoard, a message at the end, and never a secret."""

import importlib.util
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from tokbench.errors import AnswerIsNo, AskedWrongly
from tokbench.finetune.board import NAME
from tokbench.finetune.card import card
from tokbench.finetune.finetune import finetune
from tokbench.finetune.notify import masked, notified

needs_apprise = pytest.mark.skipif(not importlib.util.find_spec("apprise"), reason="apprise is not installed")
needs_board = pytest.mark.skipif(not importlib.util.find_spec(NAME), reason="tensorboard is not installed")
TOKEN = "hf_" + "abcdefgh" * 4


@pytest.fixture
def listener():
    """An address on this machine, and what was sent there."""
    heard = []

    class Listens(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Listens)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}", heard
    server.shutdown()
    server.server_close()


@needs_apprise
@pytest.mark.filterwarnings("ignore")  # apprise's own
def test_the_end_of_a_run_is_sent(listener):
    address, heard = listener
    with notified(address, "finetune sst2") as tell:
        tell("accuracy 0.9000")
    [message] = heard
    assert "finetune sst2 is done" in message
    assert "accuracy 0.9000" in message


@needs_apprise
@pytest.mark.filterwarnings("ignore")
def test_a_failure_is_sent_without_secrets_and_goes_on(listener):
    address, heard = listener
    with pytest.raises(AnswerIsNo), notified(address, "finetune sst2"):
        raise AnswerIsNo(f"the hub refused {TOKEN}")
    assert "finetune sst2 failed" in heard[0]
    assert TOKEN not in heard[0]
    with pytest.raises(ZeroDivisionError), notified(address, "finetune sst2"):
        raise ZeroDivisionError(TOKEN)
    assert "ZeroDivisionError" in heard[1]
    assert TOKEN not in heard[1]


@needs_apprise
@pytest.mark.filterwarnings("ignore")
def test_an_address_of_no_known_kind_is_refused_before_the_work_and_not_shown():
    with pytest.raises(AskedWrongly) as caught, notified(f"nokind://{TOKEN}", "finetune"):
        raise AssertionError("the work began")
    assert TOKEN not in str(caught.value) + caught.value.fix


@pytest.mark.parametrize("secret", [TOKEN, "slack://one/two/three", "https://hooks.example/services/a?key=b"])
def test_secrets_are_masked_in_any_text(secret):
    assert masked(f"sent ({secret} twice").startswith("sent (***")
    assert secret not in masked(f"a {secret} b")


@needs_board
@pytest.mark.filterwarnings("ignore")  # tensorboard's own
def test_event_files_hold_the_curve_and_lie_in_the_output(official, plan, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = {"report_to": NAME, "evaluate_every": "1"}
    run = finetune(plan(data=str(official("sst2")), settings=settings))
    events = EventAccumulator(str(tmp_path / "run" / NAME)).Reload()
    seen = [(each.step, each.value) for each in events.Scalars("dev/accuracy")]
    assert seen == [(each.step, pytest.approx(each.metrics["accuracy"])) for each in run.evaluations]


def test_a_card_names_no_place_on_the_machine(official, plan, tmp_path):
    run = finetune(plan(data=str(official("sst2"))))
    said = card(
        run, {"model": "/home/me/secret/bert", "tokenizer": "org/name", "settings": {}, "versions": {}}
    )
    assert "/home/me" not in said
    assert "| model | bert |" in said
    assert "| tokenizer | org/name |" in said
