"""What stands already of several runs: finished ones are taken as they are, a stopped one goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokbench.errors import AskedWrongly, FileProblem, plural
from tokbench.finetune.data import read_data
from tokbench.finetune.places import CHOICES, METRICS, PRINT, found_in, must_be_wanted, unfinished
from tokbench.finetune.plan import Plan
from tokbench.finetune.run import Evaluation, Run
from tokbench.pretrained.place import ensure_free
from tokbench.progress import Progress, silent

NOT_A_CHOICE = (PRINT, "versions")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Runs by the name they have among the others; those in neither begin."""

    finished: Mapping[str, Run] = field(default_factory=dict)
    stopped: frozenset[str] = frozenset()

    def words(self, names: tuple[str, ...]) -> list[str]:
        """What is taken, what goes on and what is still to do, a line each; nothing where all begins."""
        if not self.finished and not self.stopped:
            return []
        open_ones = [name for name in names if name not in self.finished and name not in self.stopped]
        lines = {
            "taken over, finished": [name for name in names if name in self.finished],
            "goes on": [name for name in names if name in self.stopped],
            "still to do": open_ones,
        }
        return [f"{word}: {', '.join(some)}" for word, some in lines.items() if some]


def standing(
    plans: Mapping[str, Plan], *, force: bool, resume: bool, progress: Progress = silent
) -> Standing:
    """What stands of these plans; whatever is in the way of one is said here, before the first is trained."""
    if not resume:
        for plan in plans.values():
            _must_be_free(plan, force=force)
        return Standing()
    finished, stopped = {}, set()
    for name, plan in plans.items():
        run = _finished(plan, force=force, progress=progress)
        if run:
            finished[name] = run
        elif found_in(unfinished(plan.output)):
            stopped.add(name)
        else:
            ensure_free(Path(plan.output), force=force)
    if not finished and not stopped:
        places = " or ".join(str(Path(plan.output)) for plan in list(plans.values())[:2])
        more = plural(len(plans), "run")
        raise FileProblem(
            f"nothing to resume: of {more} none is finished or was stopped in {places}"
            + (", …" if len(plans) > 2 else ""),
            fix="start without --resume",
        )
    return Standing(finished=finished, stopped=frozenset(stopped))


def run_in(folder: Path) -> Run:
    """The run that a finished folder tells of; FileProblem where its numbers are not those we write."""
    path = folder / METRICS
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        saved.pop("beats_majority", None)
        looks = tuple(Evaluation(**each) for each in saved.pop("evaluations"))
        return Run(**{**_as_tuples(saved), "evaluations": looks, "output": str(folder)})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
        raise FileProblem(
            f"{path} does not tell of a run as this version writes it", fix="--force trains it again"
        ) from problem


def _as_tuples(value: Any) -> Any:  # noqa: ANN401  whatever JSON holds
    """The value with tuples for lists, however deep."""
    if isinstance(value, list):
        return tuple(_as_tuples(each) for each in value)
    if isinstance(value, dict):
        return {name: _as_tuples(each) for name, each in value.items()}
    return value


def _must_be_free(plan: Plan, *, force: bool) -> None:
    """Nothing, or an error that names --resume where a run is finished or was stopped."""
    place = Path(plan.output)
    if not force and (place / METRICS).is_file():
        raise FileProblem(
            f"{place} exists already",
            fix="--resume takes finished runs over and goes on with the rest, --force starts over",
        )
    ensure_free(place, force=force)
    if not force:
        must_be_wanted(plan.output, resume=False, force=False)


def _finished(plan: Plan, *, force: bool, progress: Progress) -> Run | None:
    """The run in the plan's place if it is this very one; AskedWrongly if it is another, unless forced."""
    place = Path(plan.output)
    if not (place / METRICS).is_file():
        return None
    try:
        other = _otherwise(place, plan, progress)
        run = run_in(place)
    except FileProblem:
        if force:
            return None
        raise
    if not other:
        return run
    if force:
        return None
    raise AskedWrongly(
        f"{place} is finished, and was made otherwise: {other}",
        fix="give the command as it was, take another place with -o, or train it again with --force",
    )


def _otherwise(place: Path, plan: Plan, progress: Progress) -> str:
    """What a finished run was made with that the plan does not ask for; "" if it is the plan's own."""
    from tokbench.finetune.course import settle
    from tokbench.finetune.setting import choices, fingerprint

    path = place / CHOICES
    saved = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    setting = settle(plan, read_data(plan, progress=progress), progress=progress)
    if saved.get(PRINT) == fingerprint(setting):
        return ""
    mine = json.loads(json.dumps(choices(setting), default=str))
    had, asked = _flat(saved), _flat(mine)
    differ = [name for name in asked if name not in NOT_A_CHOICE and had.get(name) != asked[name]]
    named = [f"{name} {had.get(name, 'not set')}, not {asked[name]}" for name in differ]
    dropped = [f"{name} {had[name]}, not set now" for name in had if name not in asked and name != PRINT]
    return "; ".join(named + dropped) or "other rows, weights or tokenizer"


def _flat(made: Mapping[str, Any]) -> dict[str, Any]:
    """Choices by name, those of the settings and of reading beside the others."""
    inner = {name: each for name, each in made.items() if isinstance(each, Mapping)}
    flat = {name: each for name, each in made.items() if name not in inner}
    for name, some in inner.items():
        flat |= {} if name in NOT_A_CHOICE else dict(some)
    return flat
