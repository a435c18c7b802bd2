import time

import pytest

from tokbench.errors import DataError, UsageError
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.glue import dataset_rows, read_hub
from tokbench.finetuning.data.load import read_data
from tokbench.finetuning.tasks import TASKS


def test_rows_are_drawn_by_the_seed(official):
    folder = str(official("stsb", rows=None, times=10))
    draws = [
        read_data(FinetuneConfig(task="stsb", data=folder, max_train_rows=7, seed=seed)).train.texts
        for seed in (1, 1, 2)
    ]
    assert len(draws[0]) == 7
    assert draws[0] == draws[1] != draws[2]


def test_row_counts_are_held_against_the_official_ones(official):
    notes = read_data(FinetuneConfig(task="rte", data=str(official("rte")))).notes
    assert notes[:2] == (
        "train has 12 rows, the official rte has 2,490",
        "dev has 6 rows, the official rte has 277",
    )


def test_one_class_alone_is_said(official):
    notes = read_data(FinetuneConfig(data=str(official("sst2", rows=[["fine", "1"]])))).notes
    assert "all train rows are positive: there is nothing to learn" in notes


def test_the_sample_that_ships_is_read_and_called_too_small_for_a_claim():
    found = read_data(FinetuneConfig(data="sample"))
    assert {0, 1} == set(found.train.labels)
    assert "too few for a claim" in found.notes[0]


def test_a_task_without_a_sample_says_what_to_give():
    with pytest.raises(UsageError, match="no sample ships for cola, only for sst2") as caught:
        read_data(FinetuneConfig(task="cola", data="sample"))
    assert caught.value.fix == "--data FOLDER with the official CoLA files"


def test_without_network_and_cache_the_answer_comes_at_once_and_names_the_ways_out():
    pytest.importorskip("datasets")
    start = time.monotonic()
    with pytest.raises(DataError, match="the hub cannot be reached") as caught:
        read_data(FinetuneConfig())
    assert time.monotonic() - start < 5
    assert caught.value.fix == "--data FOLDER with the official SST-2 files, or --data sample"


def test_what_the_hub_gave_before_is_read_from_the_cache_offline(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path))
    write_cache(tmp_path / "nyu-mll___glue" / "sst2" / "0.0.0" / "abc", {"train": 4, "validation": 2})
    found = read_hub(TASKS["sst2"])
    assert (found["train"].texts[:2], found["train"].labels) == (["train 0", "train 1"], [0, 1, 0, 1])
    assert len(found["dev"]) == 2


@pytest.mark.parametrize("label", [-1, 2, None])
def test_a_label_that_hides_or_does_not_exist_is_named_with_its_row(label):
    columns = {"sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": [1, label]}
    with pytest.raises(DataError, match="nyu-mll/glue rte train row 1"):
        dataset_rows({"train": columns, "validation": columns}, TASKS["rte"])


def test_a_hub_split_that_is_not_there_is_named():
    with pytest.raises(DataError, match="no split 'validation_mismatched'"):
        dataset_rows({"train": {}, "validation_matched": {}}, TASKS["mnli"])


def write_cache(folder, splits):
    """What `datasets` leaves on the disk when it has fetched a configuration."""
    from datasets import ClassLabel, DatasetInfo, Features, SplitDict, SplitInfo, Value
    from datasets.arrow_writer import ArrowWriter

    folder.mkdir(parents=True)
    features = Features(
        {
            "sentence": Value("string"),
            "label": ClassLabel(names=["negative", "positive"]),
            "idx": Value("int32"),
        }
    )
    infos = {}
    for name, rows in splits.items():
        with ArrowWriter(path=str(folder / f"glue-{name}.arrow"), features=features) as writer:
            for row in range(rows):
                writer.write({"sentence": f"{name} {row}", "label": row % 2, "idx": row})
            examples, size = writer.finalize()
        infos[name] = SplitInfo(name, num_bytes=size, num_examples=examples, dataset_name="glue")
    DatasetInfo(
        features=features,
        builder_name="parquet",
        dataset_name="glue",
        config_name="sst2",
        version="0.0.0",
        splits=SplitDict(infos, dataset_name="glue"),
    ).write_to_directory(str(folder))
