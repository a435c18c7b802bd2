"""Tokens added to large models: CPU seconds, wall seconds and peak memory, beside doing it in memory.

Run: python benchmarks/growth_speed.py TOKENIZER [--gigabytes 0.9 4] [--shards 1 8] [--place FOLDER]
TOKENIZER is a folder. The models are Llama-shaped, of random bfloat16 numbers, with a row a token and an
output matrix of their own; they are written for the measurement and removed afterwards.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from processes import Run, child, run, tokbench
from tables import Table, here, publish

HIDDEN, INNER, HEADS = 1024, 2816, 16
WORDS = ("hospitalization", "myocarditis", "angiography", "thrombolysis", "immunoglobulin")
PART = 1 << 24  # bytes that are compared at a time
LOADED = 2e9  # bytes of weights up to which transformers is tried as well


def shapes(rows: int, layers: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every tensor of a Llama."""
    yield "model.embed_tokens.weight", (rows, HIDDEN)
    for layer in range(layers):
        at = f"model.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            yield f"{at}.self_attn.{name}.weight", (HIDDEN, HIDDEN)
        for name in ("gate_proj", "up_proj"):
            yield f"{at}.mlp.{name}.weight", (INNER, HIDDEN)
        yield f"{at}.mlp.down_proj.weight", (HIDDEN, INNER)
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"{at}.{name}.weight", (HIDDEN,)
    yield "model.norm.weight", (HIDDEN,)
    yield "lm_head.weight", (rows, HIDDEN)


def make_model(folder: Path, rows: int, size: float, shards: int) -> int:
    """Write a model of about `size` bytes in so many files, a tensor at a time; its bytes in the end."""
    layer = 2 * (4 * HIDDEN * HIDDEN + 3 * INNER * HIDDEN)
    layers = max(1, round((size - 4 * rows * HIDDEN) / layer))
    tensors = list(shapes(rows, layers))
    total = sum(2 * int(np.prod(shape)) for _, shape in tensors)
    folder.mkdir(parents=True)
    rng, files, filled = np.random.default_rng(7), [[]], 0
    for name, shape in tensors:
        if filled > total / shards:
            files.append([])
            filled = 0
        files[-1].append((name, shape))
        filled += 2 * int(np.prod(shape))
    one = len(files) == 1
    places = {}
    for at, group in enumerate(files, 1):
        file = "model.safetensors" if one else f"model-{at:05}-of-{len(files):05}.safetensors"
        write(folder / file, group, rng)
        places |= dict.fromkeys((name for name, _ in group), file)
    if not one:
        index = {"metadata": {"total_size": total}, "weight_map": places}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps(config(rows, layers), indent=2))
    return total


def config(rows: int, layers: int) -> Mapping[str, object]:
    """config.json of such a model."""
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": rows,
        "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": layers,
        "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "max_position_embeddings": 2048,
        "tie_word_embeddings": False, "dtype": "bfloat16", "bos_token_id": None, "eos_token_id": None,
    }  # fmt: skip


def write(path: Path, group: Sequence[tuple[str, tuple[int, ...]]], rng: np.random.Generator) -> None:
    """A safetensors file of small random numbers; norms are ones."""
    entries, at = {}, 0
    for name, shape in group:
        end = at + 2 * int(np.prod(shape))
        entries[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for _, shape in group:
            left = int(np.prod(shape))
            while left:  # a part at a time: a process begins with the peak of the one that starts it
                count = min(left, PART // 16)
                numbers = rng.standard_normal(count, np.float32) * 0.02 if len(shape) > 1 else np.ones(count)
                file.write((numbers.astype(np.float32).view(np.uint32) >> 16).astype("<u2").tobytes())
                left -= count


def measured(tokenizer: Path, sizes: Sequence[float], shards: Sequence[int], place: Path | None) -> Table:
    """The rows of all sizes."""
    header = ["weights GB", "files", "way", "CPU s", "wall s", "peak MB"]
    table = Table(f"{len(WORDS)} tokens added to a model", header)
    start = run(tokbench("info", tokenizer, "--json"))
    rows = json.loads(start.said)["rows_needed"]
    table.notes.append(f"start-up, as `tokbench info` of the tokenizer takes it: {said(start)}")
    for size, files in zip(sizes, shards, strict=True):
        with tempfile.TemporaryDirectory(dir=place) as room:
            model = Path(room) / "model"
            total = make_model(model, rows, size * 1e9, files)
            for way, took in ways(tokenizer, model, Path(room) / "out", total):
                table.rows.append((total / 1e9, files, way, took.cpu, took.wall, took.peak))
                print(*table.rows[-1], flush=True)
    return table


def ways(tokenizer: Path, model: Path, out: Path, size: int) -> Iterator[tuple[str, Run]]:
    """The command, first and again; what it took when it loaded all models; transformers doing the same."""
    words = [word for token in WORDS for word in ("--token", token)]
    command = tokbench("add-tokens", tokenizer, *words, "--model", model, "-o", out, "--force-ids")
    yield from _kept(out, "add-tokens, a class not asked before", command)
    yield from _kept(out, "add-tokens", command)
    if size <= LOADED:
        yield from _kept(out, "add-tokens --prove", [*command, "--prove"])
        yield (
            "transformers, which proves nothing",
            run(child("growing_by_transformers", model, out, len(WORDS))),
        )
        refuse_others(model, out)


def _kept(out: Path, way: str, command: Sequence[str]) -> Iterator[tuple[str, Run]]:
    """What the command took, once its result is found to be right; the result goes."""
    took = run(command)
    refuse_others(out.with_name("model"), out)
    shutil.rmtree(out)
    yield way, took


def refuse_others(model: Path, out: Path) -> None:
    """SystemExit unless each old row and each other tensor is in the new files, bit by bit."""
    from tokbench.model.safetensors_files import files_of, read_header

    before, after = (
        {name: (path, each) for path in files_of(folder) for name, each in read_header(path).items()}
        for folder in (model, out)
    )
    for name, (path, each) in before.items():
        other_path, other = after[name]
        with path.open("rb") as old, other_path.open("rb") as new:
            old.seek(each.start)
            new.seek(other.start)
            for at in range(0, each.size, PART):
                size = min(PART, each.size - at)
                if old.read(size) != new.read(size):
                    raise SystemExit(f"{name} in {out} is another")


def said(took: Run) -> str:
    """A process in words."""
    return f"{took.cpu:.2f} CPU s, {took.peak:.0f} MB"


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("tokenizer", type=Path, help="a tokenizer's folder")
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.9, 4.0], help="of weights")
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 8], help="files, for each size")
    parser.add_argument("--place", type=Path, help="where the models are written")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args(words)
    print(f"{here()}\n", flush=True)
    table = measured(asked.tokenizer, asked.gigabytes, asked.shards, asked.place)
    print(table.markdown())
    publish([table], to_json=asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
