"""Check: the rules of all files, when each of them looks, and what it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.checks.context import CheckContext, check_context
from tokbench.checks.findings import CheckRequest, Checkup, Explanation, Finding, Rule, explained
from tokbench.checks.hazards import hazard
from tokbench.checks.rules import (
    chat,
    config_ids,
    data_rules,
    folder_facts,
    forward,
    labels,
    limits,
    origin,
    post_processor,
    saved_files,
    specials,
    texts,
    vocabulary,
    weights,
)
from tokbench.checks.staging import shown_as, sources_on_disk
from tokbench.errors import FileError, UsageError, did_you_mean
from tokbench.io.extras import has
from tokbench.io.json_files import uncollected
from tokbench.io.library_errors import wrap_library_errors
from tokbench.model.files import ensure_bounded
from tokbench.model.safetensors_files import CHEAP, bytes_of
from tokbench.progress import Progress, silent

if TYPE_CHECKING:
    from tokbench.checks.data_stats import DataStats
    from tokbench.checks.model_files import ModelFiles
    from tokbench.corpus.reading import CorpusSource
    from tokbench.pretrained.folder import TokenizerSource
    from tokbench.pretrained.on_disk import ModelSource

NO_ADAPTER = "there is no adapter_config.json"
MANY_TOKENS = 1 << 16  # some 6 µs each
LIGHT = 32 << 20  # bytes of weights that are run without being asked: 8 million numbers, a second or two


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How far rules go: `quick` leaves out what is slow, `values` reads all numbers; `shown` are texts."""

    quick: bool = False
    values: bool = False
    shown: DataStats | None = None


def why_not(need: str, context: CheckContext, asked: Asked) -> str:
    """Why a rule with this need does not look; "" when it looks."""
    return next((reason for each in NEEDS[need].reasons if (reason := each(context, asked))), "")


def _not_quick(_: CheckContext, asked: Asked) -> str:
    return "it imports transformers, and this was to be quick" if asked.quick else ""


def _few_tokens(context: CheckContext, asked: Asked) -> str:
    """A pass over a large vocabulary takes a second or two."""
    large = len(context.vocabulary) > MANY_TOKENS
    return (
        f"it encodes each of {len(context.vocabulary):,} tokens, and this was to be quick"
        if asked.quick and large
        else ""
    )


def _folder(context: CheckContext, _: Asked) -> str:
    return "one file was given, or an object, not a folder" if context.folder is None else ""


def _model(context: CheckContext, _: Asked) -> str:
    if context.model is None and context.adapter is not None:
        return f"{context.adapter.base or 'the base model of the adapter'} is not on this disk"
    return "" if context.model else "no model was given, and the tokenizer's folder has no config.json"


def _weights(context: CheckContext, _: Asked) -> str:
    weights = _of(context).weights
    return "" if weights.tensors else weights.unread or "the model has no safetensors that could be read"


def _values(context: CheckContext, asked: Asked) -> str:
    """The numbers of the weights are not read where that takes long, unless asked for."""
    return _costly(context, asked, CHEAP, "reads all")


def _passes(context: CheckContext, asked: Asked) -> str:
    """Nor is a large model run."""
    return _costly(context, asked, LIGHT, "puts texts through")


def _costly(context: CheckContext, asked: Asked, most: int, does: str) -> str:
    size = bytes_of(_of(context).folder)
    if not size:
        return "the weights are not on this disk"
    if not asked.values and (asked.quick or size > most):
        return f"it {does} {size / 1e6:,.0f} MB of weights: --weights"
    return ""


def _class(context: CheckContext, _: Asked) -> str:
    """A class of transformers' own, and torch to make it with; code of the folder is not run."""
    if not has("torch"):
        return "torch is not installed: pip install 'tokbench[train]'"
    from tokbench.model.loading import class_of

    model = _of(context)
    assert model.folder is not None
    if model.architecture and class_of(model.folder).__name__ != model.architecture:
        return f"{model.architecture} is no class of transformers' own"
    return ""


def _bounded(context: CheckContext, _: Asked) -> str:
    """No model is made of a config that was damaged into millions of layers."""
    folder = _of(context).folder
    assert folder is not None
    try:
        ensure_bounded(folder)
    except FileError as error:
        return error.message
    return ""


def _plain(context: CheckContext, _: Asked) -> str:
    """Nor of quantised weights, whose tensors are not the class's and whose library may not be here."""
    found = _of(context).config.get("quantization_config")
    method = found.get("quant_method", "some way") if isinstance(found, dict) else "some way"
    return f"cannot be tried here: the weights are quantised ({method})" if found else ""


def _taken(context: CheckContext, _: Asked) -> str:
    """A model that takes more than ids, and no part of which takes ids alone, is not put to work."""
    return f"cannot be tried here: {context.running.untried}" if context.running.untried else ""


def _fits(context: CheckContext, _: Asked) -> str:
    """What would be random numbers is not put to work; nor is its room taken."""
    with suppress(FileError):  # TB461 says so
        return "the weights are not those of the model's class" if _of(context).outcome.lost else ""
    return ""


def _not_adapted(context: CheckContext, _: Asked) -> str:
    return "the model is an adapter's base, and does not run alone" if context.adapter else ""


def _adapter(context: CheckContext, _: Asked) -> str:
    return "" if context.adapter else NO_ADAPTER


def _data(_: CheckContext, asked: Asked) -> str:
    return "" if asked.shown else "no texts were given: --data FILE"


def _labels(_: CheckContext, asked: Asked) -> str:
    return "" if asked.shown and asked.shown.labels else "the texts have no column of labels"


def _of(context: CheckContext) -> ModelFiles:
    assert context.model is not None
    return context.model


@dataclass(frozen=True)
class Need:
    """What a rule must have beside the tokenizer, in words, and what says why it is not there.

    Beside the context, the rule's function is called with the checkup's `model` or `stats`, if it takes one.
    """

    words: str
    reasons: tuple[Callable[[CheckContext, Asked], str], ...]
    takes: str = ""


LOADED = (_model, _not_adapted, _weights, _not_quick, _passes, _bounded, _plain, _class, _fits)
NEEDS: Mapping[str, Need] = {
    "": Need("", ()),
    "tokens": Need("a pass over all tokens (of more than 65,536 left out by --quick)", (_few_tokens,)),
    "folder": Need("a folder, not a bare tokenizer.json", (_folder,)),
    "transformers": Need("transformers, which it imports (left out by --quick)", (_not_quick, _folder)),
    "model": Need("the model's config.json", (_model,), "model"),
    "weights": Need("the model's safetensors, of which it reads the header", (_model, _weights), "model"),
    "skeleton": Need(
        "torch and transformers, and the header of the safetensors (left out by --quick)",
        (_model, _weights, _not_quick, _bounded, _plain, _class),
        "model",
    ),
    "values": Need(
        "the numbers of the weights: read where the files are small, or with --weights",
        (_model, _weights, _values),
        "model",
    ),
    "loaded": Need(
        "a forward pass, with torch: where the files are small, or with --weights",
        LOADED,
        "model",
    ),
    "forward": Need(
        "a forward pass of a model that takes ids, with torch: where the files are small, or with --weights",
        (*LOADED, _taken),
        "model",
    ),
    "adapter": Need("an adapter_config.json", (_adapter,)),
    "data": Need("texts: --data FILE", (_data,), "stats"),
    "labels": Need(
        "a classifier, and texts with a column of labels: --data FILE", (_data, _labels, _model), "stats"
    ),
}

# 1 ids and tokens · 2 special tokens · 3 what is put around a text · 4 the model · 5 texts · 6 files, loading
# 7 a file of texts · 8 the chat template
FILES = (
    vocabulary,
    specials,
    post_processor,
    weights,
    config_ids,
    limits,
    labels,
    origin,
    forward,
    texts,
    saved_files,
    folder_facts,
    data_rules,
    chat,
)
RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in sorted((each for file in FILES for each in file.RULES), key=attrgetter("code"))
}


SLOW = ("tokens", "transformers", "values", "skeleton", "forward")  # needs of rules that may take seconds
Early = Callable[[tuple[Finding, ...]], None]


def check(
    tokenizer: TokenizerSource,
    model: ModelSource | None = None,
    *,
    quick: bool = False,
    values: bool = False,
    data: CorpusSource | None = None,
    sample: int | None = None,
    ignore: Sequence[str] = (),
    progress: Progress = silent,
    early: Early | None = None,
) -> Checkup:
    """Let every rule look at a tokenizer and, where there is one, at its model and at texts.

    The model is the one named (a folder, or a name on the hub), or the one in the tokenizer's own folder.
    Nothing of it is loaded but config.json, generation_config.json and the header of its weights; their
    numbers too where the files are small, or with `values`. `quick` leaves out the rules that import
    transformers or read numbers. `data` are texts, of which `sample` are drawn. Rules in `ignore` do not
    look.

    `early` is given what the quick rules found before those that take seconds look, if any of these does.

    What is only in memory is checked as it would be saved: a model and a tokenizer of transformers are
    written to a temporary folder. A Tokenizer of the library is one file, so `skipped` says which rules of
    other files did not look at it.

    >>> import tokbench as tb
    >>> checkup = tb.check(tb.train(["a cat", "a hat"] * 9, "wordpiece", vocab_size=30), quick=True)
    >>> checkup.passed, checkup.skipped["TB401"]
    (True, "no model was given, and the tokenizer's folder has no config.json")
    """
    codes = tuple(_known(code) for code in ignore)
    request = CheckRequest(tokenizer, model, quick, codes)
    with sources_on_disk(tokenizer, model) as found:
        try:
            with uncollected():
                context = check_context(found.tokenizer, found.model, inspect=_stop_before_harm)
        except DeadlyFileError as error:
            return replace(_not_loaded(str(found.tokenizer), error.message), request=request)
        shown = None
        if data is not None:
            from tokbench.checks.data_stats import collect_data_stats

            shown = collect_data_stats(context, data, sample=sample, progress=progress)
        checkup = run_rules(context, quick=quick, values=values, ignore=codes, shown=shown, early=early)
        return replace(shown_as(checkup, found.names), request=request)


class DeadlyFileError(FileError):
    """A file that the library does not survive; the message is how it ended."""


def _stop_before_harm(raw: Mapping[str, Any], file: Path) -> None:
    if ending := hazard(raw, file):
        raise DeadlyFileError(ending)


def run_rules(
    context: CheckContext,
    *,
    quick: bool = False,
    values: bool = False,
    ignore: Sequence[str] = (),
    shown: DataStats | None = None,
    early: Early | None = None,
) -> Checkup:
    """What the rules find in a context that is loaded already, and in the statistics of texts."""
    asked = Asked(quick=quick, values=values, shown=shown)
    if quick and context.model is not None:
        context = replace(context, model=replace(context.model, ask_class=False))
    findings: list[Finding] = []
    skipped = dict.fromkeys(ignore, "it was to be ignored")
    for slow in (False, True):
        looking = [code for code, rule in RULES.items() if (rule.needs in SLOW) is slow]
        skipped |= {
            code: reason
            for code in looking
            if (reason := skipped.get(code) or why_not(RULES[code].needs, context, asked))
        }
        looking = [code for code in looking if code not in skipped]
        if slow and looking and early is not None:
            early(tuple(findings))
        with nullcontext() if slow else uncollected():
            for code in looking:
                try:
                    findings += _look(RULES[code], context, shown)
                except FileError as error:  # the library failed on the way; TB501 says so as a finding
                    skipped[code] = error.message
    findings.sort(key=attrgetter("code"))
    checked = tuple(code for code in RULES if code not in skipped)
    model = context.model.name if context.model else ""
    skipped = {code: skipped[code] for code in RULES if code in skipped}
    adapter = context.adapter.name if context.adapter else ""
    return Checkup(context.name, model, tuple(findings), checked, skipped, shown, adapter)


def explain(code: str) -> Explanation:
    """What a rule is about, from the words in its own function; UsageError for an unknown code."""
    rule = RULES[_known(code)]
    return explained(rule, NEEDS[rule.needs].words)


def explain_all() -> tuple[Explanation, ...]:
    """All rules, in the order of their codes."""
    return tuple(explain(code) for code in RULES)


def _known(code: str) -> str:
    """The code as the table has it."""
    if code.upper() not in RULES:
        raise UsageError(
            f"there is no rule {code}", fix=f"{did_you_mean(code, RULES)}; all of them: tokbench check --list"
        )
    return code.upper()


def _not_loaded(name: str, ending: str) -> Checkup:
    """The one finding about a file that the library does not survive; no other rule can look."""
    skipped = {code: "the library does not survive the file" for code in RULES if code != "TB500"}
    return Checkup(name, "", (_filled(RULES["TB500"], saved_files.deadly(ending)),), ("TB500",), skipped)


def _look(rule: Rule, context: CheckContext, stats: DataStats | None) -> list[Finding]:
    """What a rule finds; whatever the library throws meanwhile is a FileError."""
    beside = {"model": (context.model,), "stats": (stats,), "": ()}[NEEDS[rule.needs].takes]
    with wrap_library_errors(context.name):
        return [_filled(rule, finding) for finding in rule.look(context, *beside)]


def _filled(rule: Rule, finding: Finding) -> Finding:
    return replace(finding, code=rule.code, severity=finding.severity or rule.severity)
