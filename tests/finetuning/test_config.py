import json
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.errors import FileError, UsageError
from tokbench.finetuning.config import (
    CHOICES,
    FinetuneConfig,
    config_from_data,
    config_from_toml,
    config_to_toml,
    help_of,
    kind_of,
    parse,
    read_values,
)
from tokbench.finetuning.multi import finetune

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", exclude_categories=["Cc", "Cs"]))


def values_of(name):
    """What a field may hold."""
    rules = CHOICES[name].metadata
    if rules["known"]:
        return st.sampled_from(rules["known"])
    if name == "task":
        return st.sampled_from(["sst2", "mnli", "own", "ner", "all"])
    if kind_of(name) is int:
        return st.integers(rules["least"], 2**32 - 1)
    if kind_of(name) is float:
        low = rules["least"] if rules["above"] is None else rules["above"]
        return st.floats(
            low,
            rules["below"] or 1e30,
            exclude_min=rules["above"] is not None,
            exclude_max=bool(rules["below"]),
        )
    return st.booleans() if kind_of(name) is bool else WORDS


@st.composite
def configs(draw):
    names = draw(st.sets(st.sampled_from(list(CHOICES))))
    values = {name: draw(values_of(name)) for name in CHOICES if name in names}
    if "pair_column" in values:
        values.setdefault("text_column", "text")
    if "mode" in values:
        values["mode"] = draw(st.sampled_from(["auto", "min" if values.get("metric") == "loss" else "max"]))
    if values.get("trainer", "loop") != "loop":
        numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans() | WORDS
        values["trainer_options"] = draw(st.dictionaries(WORDS, numbers, max_size=3))
    if values.get("multi_label"):
        values["task"] = "own"
    else:
        values.pop("label_separator", None)  # of rows of several labels alone
    return FinetuneConfig(**values)


@given(configs())
def test_a_config_comes_back_from_its_toml(config):
    assert config_from_toml(config_to_toml(config)) == config


@given(configs())
def test_a_config_comes_back_from_words(config):
    words = {name: str(each) for name, each in asdict(config).items() if each is not None}
    others = words.pop("trainer_options")
    assert FinetuneConfig(**parse(words), trainer_options=config.trainer_options) == config
    assert isinstance(others, str)


@given(configs())
def test_a_config_comes_back_from_the_file_of_a_run(config):
    assert config_from_data(json.loads(json.dumps(asdict(config)))) == config


def test_every_field_has_a_help_line_and_a_default():
    assert FinetuneConfig() == FinetuneConfig()
    for each in fields(FinetuneConfig):
        assert each.metadata["help"].endswith(".")
        assert "\n" not in each.metadata["help"]
    assert help_of("trainer") == "loop, hf, lightning; the results agree."


def test_numbers_of_numpy_and_paths_are_taken():
    config = FinetuneConfig(epochs=np.int64(2), warmup=np.float32(0.5), clip=2, output=Path("a") / "b")
    assert (config.epochs, config.warmup, config.clip, config.output) == (2, 0.5, 2.0, "a/b")
    assert [type(each) for each in (config.epochs, config.warmup, config.clip)] == [int, float, float]


@pytest.mark.parametrize(
    ("choices", "sentence", "fix"),
    [
        ({"patience": "3"}, "patience is '3'", "give patience a whole number"),
        ({"patience": True}, "patience is True", "give patience a whole number"),
        ({"clip": float("inf")}, "clip is inf", "give clip 0 or more"),
        ({"warmup": 1.0}, "warmup is 1.0", "give warmup a share, from 0 to below 1"),
        ({"dev_share": 0}, "dev_share is 0.0", "give dev_share a share between 0 and 1"),
        ({"learning_rate": -1}, "learning_rate is -1.0", "give learning_rate a number above 0"),
        ({"epochs": 2**32}, "epochs is 4294967296", "give epochs 1 or more"),
        ({"keep": "bset"}, "keep cannot be 'bset'", "did you mean best?"),
        ({"trainer_options": {"optm": 1}}, "there is no setting 'optm'", None),
    ],
)
def test_a_wrong_value_is_answered_in_a_sentence(choices, sentence, fix):
    with pytest.raises(UsageError) as caught:
        FinetuneConfig(**choices)
    assert caught.value.message == sentence
    assert fix in (None, caught.value.fix)


def test_what_an_earlier_version_wrote_is_read():
    former = {
        "task": "rte",
        "engine": "trainer",
        "learning_rate": 1e-3,
        "settings": {"patience": "3", "adam_beta2": "0.9"},
        "reading": {"max_train_rows": 9, "text_column": None, "dev_share": 0.2},
        "versions": {"torch": "2"},
        "fingerprint": "ab",
    }
    told = []
    wanted = FinetuneConfig(
        task="rte",
        trainer="hf",
        learning_rate=1e-3,
        patience=3,
        trainer_options={"adam_beta2": "0.9"},
        max_train_rows=9,
        dev_share=0.2,
    )
    assert config_from_data(former, log=told.append) == wanted
    assert told == ["engine is called trainer now: trainer = 'hf'"]


def test_a_config_file_says_where_it_is_wrong(tmp_path):
    path = tmp_path / "run.toml"
    with pytest.raises(FileError, match="cannot read the config"):
        read_values(path)
    path.write_text("epochs = ")
    with pytest.raises(UsageError, match=r"run\.toml is not TOML"):
        read_values(path)
    with pytest.raises(UsageError, match="config: there is no setting 'epohcs'") as caught:
        config_from_toml("epohcs = 3")
    assert caught.value.fix == "did you mean epochs?"


def test_fields_by_name_are_a_config_or_change_one(official, plan, tmp_path):
    config = plan(data=str(official("sst2")))
    run = finetune(config, epochs=2, output=tmp_path / "more")
    by_name = finetune(**{**asdict(config), "epochs": 2, "output": tmp_path / "named"})
    assert run.losses == by_name.losses
    assert run.steps == 6
