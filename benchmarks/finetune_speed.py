"""How fast fine-tuning is: tokbench's loop against transformers' Trainer as run_glue.py sets it up.

    python benchmarks/finetune_speed.py                                # random weights, rows like SST-2's
    python benchmarks/finetune_speed.py --model FOLDER --data SST-2    # trained weights, a telling metric
    python benchmarks/finetune_speed.py --gpu-record --json gpu.json   # the default on a GPU
    python benchmarks/finetune_speed.py --quality FOLDER --data SST-2  # besides: the metric, by three seeds

The same model, rows, batch, epochs, rates and decay; each in a process of its own, in turn, told as it ends.
It needs no network, no `datasets`, and tokbench need not be installed. Each backend computes in the
precision its user gets: the loop in bf16 where the machine multiplies in it, the Trainer in fp32 on a CPU and
in bf16 on a GPU. The record of a GPU is an epoch of BERT-base on 67,349 rows at 32 rows a batch by all ways,
then three epochs by the loop at 256 and at 32. It ends within --minutes; a way that fails is named, and ends
nothing else.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from finetune_jobs import Job, Session
from finetune_tables import goals, here, quality_table, speed_table

WAYS = {
    "loop": "tokbench loop",
    "trainer": "Trainer, dynamic padding",
    "padded": "Trainer, padded to 128",
    "plain": "tokbench loop, no graphs",
}
USUAL = "loop,trainer,padded"
SST2_ROWS = 67_349  # in SST-2's train.tsv
SEED = 42
RECORD_MINUTES = 9


def main() -> None:
    """Measure, and print tables."""
    asked = words()
    session = Session(minutes=asked.minutes, threads=asked.threads, to_json=asked.json)
    gpu = bool(session.machine["gpu"])
    record = asked.gpu_record or (gpu and not asked.ways)
    session.minutes = asked.minutes or (RECORD_MINUTES if record else 0)
    print(f"{here(session.machine)}\n", flush=True)
    jobs = recorded(asked, gpu=gpu) if record else compared(asked, gpu=gpu)
    jobs += quality(asked) if asked.quality else []
    if record and gpu:
        jobs.append(jobs[0].but(way="plain"))
    for job in jobs:
        session.do(job)
    print()
    for title in dict.fromkeys(job.title for job in jobs):
        done = [each for each in session.done if each.job.title == title]
        table = quality_table if title.startswith("Quality") else speed_table
        if done:
            session.publish(table(title, done, WAYS, session.machine))
    if record and gpu:
        print("\n".join(session.tell(goals(session.done, session.machine))))
    if session.failed:
        raise SystemExit(f"{len(session.failed)} of {len(jobs)} trainings failed or were left out, see above")


def recorded(asked: argparse.Namespace, *, gpu: bool) -> list[Job]:
    """The trainings of a GPU's record, the most telling first."""
    model, rows = asked.model or "base", asked.rows or SST2_ROWS
    title, data = titled(model, rows, asked)
    most = 20 * (asked.minutes or RECORD_MINUTES)  # seconds: none may take more than a third of all
    loop = Job("loop", title, model=model, rows=rows, data=data, precision=best(asked), most=most)
    theirs = {"precision": "best" if gpu else "fp32", "limit": asked.limit, "most": asked.limit + 90}
    return [
        loop,
        loop.but(way="trainer", **theirs),
        loop.but(way="padded", **theirs),
        loop.but(batch=256, epochs=3, profile=asked.profile),
        loop.but(epochs=3, profile=asked.profile),
    ]


def compared(asked: argparse.Namespace, *, gpu: bool) -> list[Job]:
    """Rounds of the ways, in turn."""
    model, rows = asked.model or ("base" if gpu else "minilm"), asked.rows or (SST2_ROWS if gpu else 640)
    title, data = titled(model, rows, asked)
    one = Job("loop", title, model=model, rows=rows, data=data, batch=asked.batch, epochs=asked.epochs)
    ours = {"precision": best(asked), "profile": asked.profile}
    theirs = {"precision": "best" if gpu else "fp32", "limit": asked.limit if gpu else 0}
    return [
        one.but(way=way, seed=seed, **(ours if way in ("loop", "plain") else theirs))
        for seed in range(SEED, SEED + asked.rounds)
        for way in (asked.ways or USUAL).split(",")
    ]


def titled(model: str, rows: int, asked: argparse.Namespace) -> tuple[str, str | None]:
    """What is trained on what; random weights have no use for real words."""
    if Path(model).is_dir() and asked.data:
        return f"{Path(model).name}, {rows:,} rows of {Path(asked.data).name}", asked.data
    return f"BERT {model}, random weights, {rows:,} rows like SST-2's", None


def quality(asked: argparse.Namespace) -> list[Job]:
    """The metric that loop and Trainer reach from trained weights, three seeds each."""
    if not asked.data:
        raise SystemExit("--quality FOLDER needs --data, a folder with SST-2's train.tsv and dev.tsv")
    title = (
        f"Quality: {Path(asked.quality).name}, SST-2, an epoch of {asked.rows or SST2_ROWS:,} rows, batch 32"
    )
    one = Job("loop", title, model=asked.quality, rows=asked.rows or SST2_ROWS, data=asked.data)
    return [
        one.but(way=way, seed=seed, precision=best(asked))
        for seed in range(SEED, SEED + 3)
        for way in ("loop", "trainer")
    ]


def best(asked: argparse.Namespace) -> str:
    """The loop's precision: the machine's best, unless all are to have the same."""
    return "fp32" if asked.same_precision else "best"


def words() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="", help="tiny, minilm, base (random weights), or a folder")
    parser.add_argument("--data", help="a folder with SST-2's train.tsv and dev.tsv, for a model's folder")
    parser.add_argument("--rows", type=int, help="train rows")
    parser.add_argument("--ways", default="", help=f"backends, with commas between: {', '.join(WAYS)}")
    parser.add_argument("--rounds", type=int, default=1, help="seeds")
    for name, value in (("--batch", 32), ("--epochs", 1), ("--threads", 2)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("--same-precision", action="store_true", help="fp32 for the loop, too")
    parser.add_argument(
        "--gpu-record", action="store_true", help="the five trainings that are a GPU's record"
    )
    parser.add_argument(
        "--quality", default="", help="a model's folder: the metric by seeds, loop and Trainer"
    )
    parser.add_argument(
        "--limit", type=float, default=75, help="seconds after which a Trainer stops on a GPU or in a record"
    )
    parser.add_argument("--minutes", type=float, default=0, help="for everything; 9 in a record; 0: no end")
    parser.add_argument(
        "--profile", action="store_true", help="graphs, padding, and where the loop's time goes"
    )
    parser.add_argument("--json", type=Path, help="written after every training")
    return parser.parse_args()


if __name__ == "__main__":
    main()
