"""Figures of trainings as tables, and what they say of the goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, median, stdev
from typing import Any

from finetune_jobs import Done
from tables import Table, times

# An 8192³ product of random bf16 matrices through torch was measured at 769 to 798 TFLOP/s on H200s; the
# datasheet says 989, which no product of random numbers was seen to reach.
H200_BF16 = 790e12
TIMES_TRAINER, SHARE_AT_256, EPOCH_SECONDS = 8, 0.40, 6.0  # what a GPU is to reach


def here(machine: Mapping[str, Any]) -> str:
    """What was measured, on what."""
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items())
    what = (
        f"{machine['gpu']} ({machine['gpu_memory_gb']:.0f} GB, CUDA {machine['cuda']})"
        if machine["gpu"]
        else "CPU"
    )
    peaks = ", ".join(f"{name} {peak / 1e12:.3g}" for name, peak in machine["peak"].items())
    unit = "TFLOP/s" if machine["gpu"] else "TFLOP per CPU second"
    return f"{what}; {versions}; a large product of matrices here: {peaks} {unit}"


def peak_of(machine: Mapping[str, Any], precision: str) -> tuple[float, str]:
    """The most arithmetic a second, and where the figure is from."""
    found = machine["best"] if precision == "best" else precision
    if "H200" in machine["gpu"] and found == "bf16":
        return H200_BF16, "H200_BF16, an 8192³ product of random bf16 matrices measured on H200s"
    size = 8192 if machine["gpu"] else 1024
    return machine["peak"][found], f"a {size}³ product of random {found} matrices measured here"


def share(done: Done, machine: Mapping[str, Any], *, seconds: float = 0, part: float = 1) -> float:
    """Of the peak: arithmetic on real tokens alone; `part` is how much of the training took `seconds`."""
    taken: float = seconds or done.said["wall" if machine["gpu"] else "cpu"]
    return float(done.said["flops"]) * part / taken / peak_of(machine, done.job.precision)[0]


def rate(done: Done, machine: Mapping[str, Any]) -> float:
    """Rows a second on a GPU, a CPU second on a CPU."""
    found: float = done.said["rows"] / done.said["wall" if machine["gpu"] else "cpu"]
    return found


def speed_table(
    title: str, done: Sequence[Done], names: Mapping[str, str], machine: Mapping[str, Any]
) -> Table:
    """A row for each way, batch and number of epochs: medians of the seeds."""
    unit = "rows/s" if machine["gpu"] else "rows per CPU s"
    header = [
        "way",
        "batch",
        "epochs",
        "rows",
        unit,
        "loop is",
        unit.replace("rows", "real tokens"),
        "padding",
        "of peak",
    ]
    table = Table(title, [*header, "wall s", "peak MB", "accuracy"], notes=[here(machine)])
    cases = dict.fromkeys((each.job.way, each.job.batch, each.job.epochs) for each in done)
    several = {case: [each for each in done if _case(each) == case] for case in cases}
    speeds = {case: median(rate(each, machine) for each in runs) for case, runs in several.items()}
    for (way, batch, epochs), runs in several.items():
        case, loop = (way, batch, epochs), speeds.get(("loop", batch, epochs))
        middle = {name: median(each.said[name] for each in runs) for name in FIGURES}
        table.rows.append(
            [
                names[way],
                batch,
                epochs,
                f"{middle['rows']:,.0f}",
                speeds[case],
                times(loop, speeds[case]) if loop and way != "loop" else "",
                median(each.said["tokens"] / each.said["rows"] * rate(each, machine) for each in runs),
                f"{middle['padding']:.1%}",
                f"{median(share(each, machine) for each in runs):.1%}",
                middle["wall"],
                middle["memory_mb"],
                f"{middle['accuracy']:.4f}",
            ]
        )
        table.notes += [f"{names[way]}, batch {batch}: {note}" for note in runs[-1].said["notes"]]
    table.notes += _notes(done, machine)
    return table


FIGURES = ("rows", "padding", "wall", "memory_mb", "accuracy")


def _case(done: Done) -> tuple[str, int, int]:
    return done.job.way, done.job.batch, done.job.epochs


def _notes(done: Sequence[Done], machine: Mapping[str, Any]) -> list[str]:
    """Graphs, epochs, and what peak stands for."""
    notes = []
    for each in done:
        graphs, epochs = each.said["graphs"], each.said["epochs"]
        if graphs["replayed"] or len(epochs) > 1:
            notes.append(
                f"{each.job.name}: {graphs['replayed']:,} of {each.said['steps']:,} steps replayed, "
                f"{graphs['captured']} graphs captured in {graphs['seconds']:.1f} s; seconds an epoch: "
                + ", ".join(f"{seconds:.2f}" for seconds in epochs)
            )
    if done:
        peak, source = peak_of(machine, done[0].job.precision)
        notes.append(f"of peak: arithmetic on real tokens alone, of {peak / 1e12:.3g} TFLOP/s ({source})")
    return notes


def quality_table(
    title: str, done: Sequence[Done], names: Mapping[str, str], machine: Mapping[str, Any]
) -> Table:
    """The metric by way: every seed, mean and deviation."""
    unit = "rows/s" if machine["gpu"] else "rows per CPU s"
    table = Table(title, ["way", "accuracy by seed", "mean", "deviation", unit], notes=[here(machine)])
    for way in dict.fromkeys(each.job.way for each in done):
        runs = [each for each in done if each.job.way == way]
        found = [each.said["accuracy"] for each in runs]
        table.rows.append(
            [
                names[way],
                ", ".join(f"{each:.4f}" for each in found),
                f"{mean(found):.4f}",
                f"{stdev(found):.4f}" if len(found) > 1 else "",
                median(rate(each, machine) for each in runs),
            ]
        )
    return table


def goals(done: Sequence[Done], machine: Mapping[str, Any]) -> list[str]:
    """Each goal of a GPU's record, what was found, and whether it is reached."""

    def one(way: str, batch: int, epochs: int) -> Done | None:
        return next((each for each in done if _case(each) == (way, batch, epochs)), None)

    loop, trainer, large = one("loop", 32, 1), one("trainer", 32, 1), one("loop", 256, 3)
    said = []
    if loop and trainer:
        ratio = rate(loop, machine) / rate(trainer, machine)
        said.append(
            _goal(
                f"×{TIMES_TRAINER} Trainer's rows a second at batch 32",
                f"×{ratio:.1f}",
                ratio >= TIMES_TRAINER,
            )
        )
    if large and large.said["epochs"]:
        whole, last = share(large, machine), large.said["epochs"][-1]
        warm = share(large, machine, seconds=last, part=1 / len(large.said["epochs"]))
        words = f"{whole:.1%} over all epochs, {warm:.1%} in the last one"
        said.append(
            _goal(f"{SHARE_AT_256:.0%} of peak on real tokens at batch 256", words, whole >= SHARE_AT_256)
        )
    if loop:
        taken = loop.said["wall"]
        said.append(
            _goal(
                f"an epoch at batch 32 below {EPOCH_SECONDS:.0f} s",
                f"{taken:.2f} s with all captures",
                taken < EPOCH_SECONDS,
            )
        )
    return said


def _goal(wanted: str, found: str, reached: bool) -> str:
    return f"goal: {wanted} · found: {found} · {'reached' if reached else 'NOT reached'}"
