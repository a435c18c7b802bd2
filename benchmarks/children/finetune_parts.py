"""What a measured training needs: rows, a model of a known shape or of a folder, what it has to compute."""

# ruff: noqa: ANN401  models and tokenizers of any kind

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tokbench.finetuning.data.batches import Batches, ModelInputs
from tokbench.finetuning.data.tokenize import EncodedRows

SHAPES = {"tiny": (2, 128), "minilm": (6, 384), "base": (12, 768)}  # layers, width
VOCABULARY = 30_522
WIDTH = 128  # what run_glue.py pads to
INPUTS = ("input_ids", "token_type_ids", "attention_mask")

Lines = tuple[list[list[int]], list[int]]  # ids of each row, and its label


def shorts(count: int, seed: int) -> Lines:
    """Random ids in rows as long as SST-2's: 13.3 tokens in the mean, 33 for one in twenty, 66 at most.

    Ids of 3,000 and above stand for one class, those below for the other.
    """
    random = np.random.default_rng(seed)
    lengths = np.clip(random.lognormal(2.345, 0.7, count).round(), 3, 66).astype(int)
    labels = random.integers(0, 2, count)
    rows = [
        [101, *random.integers(1000 + 2000 * label, 3000 + 2000 * label, length - 2).tolist(), 102]
        for length, label in zip(lengths, labels, strict=True)
    ]
    return rows, labels.tolist()


def real(path: Path, tokenizer: Any, count: int | None, seed: int) -> Lines:
    """Rows of an SST-2 file, drawn by the seed."""
    with path.open(encoding="utf-8") as lines:
        found = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    order = np.random.default_rng(seed).permutation(len(found))[:count]
    rows = [found[index] for index in order]
    ids = tokenizer([row["sentence"] for row in rows], truncation=True, max_length=WIDTH)["input_ids"]
    return ids, [int(row["label"]) for row in rows]


def splits(asked: argparse.Namespace, tokenizer: Any) -> tuple[Lines, Lines]:
    """Train and dev rows: SST-2's, or random ones like them."""
    if asked.data and asked.model not in SHAPES:
        train = real(asked.data / "train.tsv", tokenizer, asked.rows, asked.seed)
        return train, real(asked.data / "dev.tsv", tokenizer, None, 0)
    return shorts(asked.rows or 2000, asked.seed), shorts(400, asked.seed + 1)


def batches_of(lines: Lines, size: int, seed: int) -> Batches:
    """The rows as flat arrays, cut into batches as tokbench does."""
    rows, labels = lines
    ids = np.concatenate([np.array(row, np.int64) for row in rows])
    starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    encoded = EncodedRows(ids, starts, np.zeros_like(ids), np.array(labels, np.int64), 0)
    model_inputs = ModelInputs(inputs=INPUTS, pad_id=0, max_length=WIDTH)
    return Batches(encoded=encoded, model_inputs=model_inputs, size=size, seed=seed)


def model_of(asked: argparse.Namespace) -> tuple[Any, Any]:
    """Model and tokenizer: of a folder, or random weights of a known shape."""
    torch.manual_seed(asked.seed)
    if asked.model in SHAPES:
        return _fresh(*SHAPES[asked.model])
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(
        asked.model, dtype=torch.float32, local_files_only=True, problem_type="single_label_classification"
    )
    return model, AutoTokenizer.from_pretrained(asked.model, local_files_only=True)


def _fresh(layers: int, width: int) -> tuple[Any, Any]:
    from tokenizers import Tokenizer, models
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64 if width > 384 else 12 if width == 384 else 2,
        intermediate_size=4 * width,
        problem_type="single_label_classification",
    )
    backend = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]"))
    wrapper = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]")
    return BertForSequenceClassification(config), wrapper


def needed_flops(config: Any, lengths: list[int]) -> float:
    """Multiplications and additions to learn once from rows of these lengths, padding left out.

    A token goes through the four square matrices of attention and the two of the feed-forward layer. It
    meets every token of its row twice (scores, and the sum they weigh). Backward takes twice as much.
    """
    width, inner = config.hidden_size, config.intermediate_size
    tokens, pairs = sum(lengths), sum(each * each for each in lengths)
    layer = 2 * (4 * width * width + 2 * width * inner) * tokens + 4 * width * pairs
    return 3.0 * config.num_hidden_layers * layer


def peak_flops(precision: str, *, gpu: bool) -> float:
    """Multiplications and additions a second, and on a CPU a CPU second, of a large product of matrices."""
    size, kind = (8192 if gpu else 1024), torch.bfloat16 if precision == "bf16" else torch.float32
    one = torch.randn(size, size, dtype=kind, device="cuda" if gpu else "cpu")
    times = 20
    for _ in range(3):
        one @ one
    clock = time.perf_counter if gpu else time.process_time
    finish()
    begun = clock()
    for _ in range(times):
        one @ one
    finish()
    return 2 * size**3 * times / (clock() - begun)


def finish() -> None:
    """Wait for what a GPU still has to do."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
