"""One training in this process, one way; what it took and what it reached, as a line of JSON."""

# ruff: noqa: ANN401  models and tokenizers of any kind

from __future__ import annotations

import argparse
import csv
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
)

from tokbench.finetune.batches import Batches, Feed
from tokbench.finetune.encoding import Encoded
from tokbench.finetune.loop import fit, predict
from tokbench.finetune.machine import machine_of
from tokbench.finetune.plan import Plan

SHAPES = {"tiny": (2, 128), "minilm": (6, 384), "base": (12, 768)}  # layers, width
VOCABULARY = 30_522
WIDTH = 128  # what run_glue.py pads to


def shorts(count: int, seed: int) -> tuple[list[list[int]], list[int]]:
    """Random ids in rows as long as SST-2's, 13.3 tokens in the mean; 3,000 and above stand for one class."""
    random = np.random.default_rng(seed)
    lengths = np.clip(random.lognormal(2.3, 0.65, count).round(), 3, 66).astype(int)
    labels = random.integers(0, 2, count)
    rows = [
        [101, *random.integers(1000 + 2000 * label, 3000 + 2000 * label, length - 2), 102]
        for length, label in zip(lengths, labels, strict=True)
    ]
    return [[int(each) for each in row] for row in rows], labels.tolist()


def real(path: Path, tokenizer: Any, count: int | None, seed: int) -> tuple[list[list[int]], list[int]]:
    """Rows of an SST-2 file, drawn by the seed."""
    with path.open(encoding="utf-8") as lines:
        found = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    order = np.random.default_rng(seed).permutation(len(found))[:count]
    rows = [found[index] for index in order]
    ids = tokenizer([row["sentence"] for row in rows], truncation=True, max_length=WIDTH)["input_ids"]
    return ids, [int(row["label"]) for row in rows]


def encoded(rows: list[list[int]], labels: list[int]) -> Encoded:
    """Rows as flat arrays."""
    ids = np.concatenate([np.array(row, np.int64) for row in rows])
    starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return Encoded(ids, np.zeros_like(ids), starts, np.array(labels, np.int64), 0)


def parts(asked: argparse.Namespace) -> tuple[Any, Any]:
    """Model and tokenizer: of a folder, or random weights of a known shape."""
    torch.manual_seed(asked.seed)
    if asked.model not in SHAPES:
        tokenizer = AutoTokenizer.from_pretrained(asked.model, local_files_only=True)
        return AutoModelForSequenceClassification.from_pretrained(
            asked.model,
            dtype=torch.float32,
            local_files_only=True,
            problem_type="single_label_classification",
        ), tokenizer
    layers, width = SHAPES[asked.model]
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64 if width > 384 else 12 if width == 384 else 2,
        intermediate_size=4 * width,
        problem_type="single_label_classification",
    )
    backend = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]"))
    return BertForSequenceClassification(config), PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]"
    )


def by_trainer(model: Any, tokenizer: Any, rows: Any, asked: argparse.Namespace, *, padded: bool) -> None:
    """As run_glue.py sets transformers' Trainer up: dynamic padding, or every row to 128."""
    pad = {"padding": "max_length", "max_length": WIDTH} if padded else {"padding": True}
    arguments = TrainingArguments(
        output_dir="/tmp/finetune-speed",
        per_device_train_batch_size=asked.batch,
        num_train_epochs=asked.epochs,
        learning_rate=asked.rate,
        warmup_steps=0.06,
        weight_decay=0.01,
        seed=asked.seed,
        bf16=asked.precision == "bf16",
        use_cpu=not torch.cuda.is_available(),
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
    )
    data = [
        {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": [0] * len(ids), "label": label}
        for ids, label in zip(*rows, strict=True)
    ]
    Trainer(
        model, arguments, data_collator=DataCollatorWithPadding(tokenizer, **pad), train_dataset=data
    ).train()


def by_loop(model: Any, batches: Batches, plan: Plan, asked: argparse.Namespace) -> list[str]:
    """By tokbench's own loop."""
    return list(fit(model, batches, plan, rate=asked.rate, machine=machine_of(plan)).notes)


def computed(asked: argparse.Namespace, rows: list[list[int]], batches: Batches) -> int:
    """Tokens that are computed, padding included; for the Trainer in an order like that which it draws."""
    real = asked.epochs * sum(map(len, rows))
    if asked.way == "loop":
        return round((1 + batches.padding(asked.epochs)) * real)
    if asked.way == "padded":
        return WIDTH * len(rows) * asked.epochs
    lengths = np.random.default_rng(asked.seed).permutation([len(row) for row in rows])
    cut = [lengths[start : start + asked.batch] for start in range(0, len(rows), asked.batch)]
    return asked.epochs * sum(int(each.max()) * len(each) for each in cut)


def peak_flops(precision: str) -> float:
    """Multiplications and additions a second, and on a CPU a CPU second, of a large product of matrices."""
    gpu = torch.cuda.is_available()
    size, kind = (8192 if gpu else 1024), torch.bfloat16 if precision == "bf16" else torch.float32
    one = torch.randn(size, size, dtype=kind, device="cuda" if gpu else "cpu")
    times = 20
    one @ one
    clock = time.perf_counter if gpu else time.process_time
    if gpu:
        torch.cuda.synchronize()
    begun = clock()
    for _ in range(times):
        one @ one
    if gpu:
        torch.cuda.synchronize()
    return 2 * size**3 * times / (clock() - begun)


def main() -> None:
    """Train once and say what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=("loop", "trainer", "padded"))
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", type=int)
    for name, value in (("--batch", 32), ("--epochs", 1), ("--seed", 42), ("--threads", 2)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        torch.set_num_threads(asked.threads)
    model, tokenizer = parts(asked)
    if asked.data:
        train = real(asked.data / "train.tsv", tokenizer, asked.rows, asked.seed)
        dev = real(asked.data / "dev.tsv", tokenizer, None, 0)
    else:
        train, dev = shorts(asked.rows or 2000, asked.seed), shorts(400, asked.seed + 1)
    plan = Plan(batch_size=asked.batch, epochs=asked.epochs, seed=asked.seed, precision=asked.precision)
    machine = machine_of(plan)
    machine.hold(model)
    feed = Feed(inputs=("input_ids", "token_type_ids", "attention_mask"), pad_id=0, max_length=WIDTH)
    batches = Batches(encoded=encoded(*train), feed=feed, size=asked.batch, seed=asked.seed)
    machine.forget_peak()
    wall, processor = time.perf_counter(), time.process_time()
    notes: list[str] = []
    if asked.way == "loop":
        notes = by_loop(model, batches, plan, asked)
    else:
        by_trainer(model, tokenizer, train, asked, padded=asked.way == "padded")
    if machine.gpu:
        torch.cuda.synchronize()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    memory = machine.peak_memory_mb()
    tokens = asked.epochs * sum(map(len, train[0]))
    held = encoded(*dev)
    logits = predict(model, Batches(encoded=held, feed=feed, size=64, seed=0), machine=machine)
    inner = sum(each.numel() for name, each in model.named_parameters() if "embeddings" not in name)
    clock = wall if machine.gpu else processor
    said = {
        "rows": len(train[0]) * asked.epochs,
        "tokens": tokens,
        "wall": wall,
        "cpu": processor,
        "accuracy": float((logits.argmax(axis=1) == held.labels).mean()),
        "share_of_peak": 6 * inner * tokens / clock / peak_flops(asked.precision),
        "memory_mb": memory,
        "padding": computed(asked, train[0], batches) / tokens - 1,
        "whole_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "notes": notes,
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
