"""Options, --set and --config of finetune: what comes before what, and what they were called before."""

import pytest

from tokbench.cli.finetune import _config
from tokbench.finetuning.config import CHOICES, FinetuneConfig

NOT_GIVEN = {"epochs": None, "pooling": None, "skip_incomplete": None}


def test_an_option_comes_before_set_before_the_file_before_the_default(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('epochs = 5\nbatch_size = 8\npooling = "max"\nskip_incomplete = true\n')
    given = {**NOT_GIVEN, "epochs": 7}
    found = _config(given, settings=["batch_size=16", "epochs=6"], config_file=path, quiet=True)
    wanted = {"epochs": 7, "batch_size": 16, "pooling": "max", "skip_incomplete": True}
    assert found == FinetuneConfig(**wanted)
    assert _config(NOT_GIVEN, quiet=True) == FinetuneConfig()


@pytest.mark.parametrize("command", [("finetune",), ("prove", "one", "other")])
@pytest.mark.parametrize(
    "words", [("--engine", "trainer"), ("--set", "engine=trainer"), ("--config", "run.toml")]
)
def test_the_former_name_of_the_trainer_is_read_with_a_hint(command, words, tokbench, tmp_path):
    (tmp_path / "run.toml").write_text('engine = "trainer"\n')
    said = tokbench(*command, *words, "--epochs", "1", "--set", "optm=sgd", "--data", "nowhere")
    assert said.code == 2
    assert "engine is called trainer now: trainer = 'hf'" in said.err
    assert "'optm'" not in said.err or "hf" in said.err


def test_a_key_nobody_knows_in_a_config_file_is_named_with_the_nearest(tokbench, tmp_path):
    (tmp_path / "run.toml").write_text("epohcs = 3\n")
    said = tokbench("finetune", "--config", "run.toml")
    assert (said.code, "'epohcs'" in said.err, "epochs" in said.err) == (2, True, True)


@pytest.mark.parametrize("command", [("finetune",), ("prove", "one", "other")])
def test_set_help_lists_every_field_with_its_type_default_and_line(command, tokbench):
    said = tokbench(*command, "--set", "help")
    assert said.code == 0
    rows = [line.split("\t") for line in said.out.splitlines() if line.count("\t") == 3]
    assert {row[0] for row in rows} >= {"warmup", "patience", "pooling"}
    assert {row[0] for row in rows} - {"setting"} == set(CHOICES)
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name["epochs"] == [
        "a whole number, 1 or more",
        "by rows: 3 to 20",
        "Times through the train rows.",
    ]
    assert by_name["learning_rate"][:2] == ["a number above 0", "by width"]
    assert by_name["device"][0] == "one of auto, cpu, cuda"
    assert all(line for row in rows for line in row)
