"""The table of all rules, check(), which lets them look, and explain(), which says what one is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tokbench.checks.context import CheckContext, check_context
from tokbench.checks.data_result import DataStats
from tokbench.checks.data_stats import collect_data_stats
from tokbench.checks.findings import Checkup, Explanation, Finding, explained
from tokbench.checks.model_files import ModelFiles
from tokbench.checks.rules import (
    config_ids,
    data_rules,
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
from tokbench.checks.rules.saved_files import hazard
from tokbench.checks.rules.weights import fitted
from tokbench.checks.safetensors_files import CHEAP, bytes_of
from tokbench.errors import FileError, UsageError, did_you_mean, plural
from tokbench.io.extras import has
from tokbench.io.library_errors import wrap_library_errors
from tokbench.progress import Progress, silent

NO_ADAPTER = "there is no adapter_config.json"
LIGHT = 32 << 20  # bytes of weights that are run without being asked: 8 million numbers, a second or two


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How far rules go: `quick` leaves out what is slow, `values` reads all numbers; `shown` are texts."""

    quick: bool = False
    values: bool = False
    shown: DataStats | None = None


def why_not(need: str, subject: CheckContext, asked: Asked) -> str:
    """Why a rule with this need does not look; "" when it looks."""
    return next((reason for each in NEEDS[need] if (reason := each(subject, asked))), "")


def _not_quick(_: CheckContext, asked: Asked) -> str:
    return "it imports transformers, and this was to be quick" if asked.quick else ""


def _folder(subject: CheckContext, _: Asked) -> str:
    return "one file was given, not a folder" if subject.folder is None else ""


def _model(subject: CheckContext, _: Asked) -> str:
    if subject.model is None and subject.adapter is not None:
        return f"{subject.adapter.base or 'the base model of the adapter'} is not on this disk"
    return "" if subject.model else "no model was given, and the tokenizer's folder has no config.json"


def _weights(subject: CheckContext, _: Asked) -> str:
    weights = _of(subject).weights
    return "" if weights.tensors else weights.unread or "the model has no safetensors that could be read"


def _values(subject: CheckContext, asked: Asked) -> str:
    """The numbers of the weights are not read where that takes long, unless asked for."""
    return _costly(subject, asked, CHEAP, "reads all")


def _passes(subject: CheckContext, asked: Asked) -> str:
    """Nor is a large model run."""
    return _costly(subject, asked, LIGHT, "puts texts through")


def _costly(subject: CheckContext, asked: Asked, most: int, does: str) -> str:
    size = bytes_of(_of(subject).folder)
    if not size:
        return "the weights are not on this disk"
    if not asked.values and (asked.quick or size > most):
        return f"it {does} {size / 1e6:,.0f} MB of weights: --weights"
    return ""


def _class(subject: CheckContext, _: Asked) -> str:
    """A class of transformers' own, and torch to make it with; code of the folder is not run."""
    if not has("torch"):
        return "torch is not installed: pip install 'tokbench[train]'"
    from tokbench.model.loading import class_of

    model = _of(subject)
    assert model.folder is not None
    if model.architecture and class_of(model.folder).__name__ != model.architecture:
        return f"{model.architecture} is no class of transformers' own"
    return ""


def _layers(subject: CheckContext, _: Asked) -> str:
    """No model is made of a config that was damaged into millions of layers."""
    layers, tensors = _of(subject).layers or 0, len(_of(subject).weights.tensors)
    count = plural(tensors, "tensor")
    return f"config.json says {layers:,} layers for {count}" if layers > max(tensors, 99) else ""


def _fits(subject: CheckContext, _: Asked) -> str:
    """What would be random numbers is not put to work; nor is its room taken."""
    with suppress(FileError):  # TB461 says so
        return "the weights are not those of the model's class" if fitted(_of(subject)).lost else ""
    return ""


def _not_adapted(subject: CheckContext, _: Asked) -> str:
    return "the model is an adapter's base, and does not run alone" if subject.adapter else ""


def _adapter(subject: CheckContext, _: Asked) -> str:
    return "" if subject.adapter else NO_ADAPTER


def _data(_: CheckContext, asked: Asked) -> str:
    return "" if asked.shown else "no texts were given: --data FILE"


def _labels(_: CheckContext, asked: Asked) -> str:
    return "" if asked.shown and asked.shown.labels else "the texts have no column of labels"


def _of(subject: CheckContext) -> ModelFiles:
    assert subject.model is not None
    return subject.model


NEEDS: Mapping[str, tuple[Callable[[CheckContext, Asked], str], ...]] = {
    "": (),
    "folder": (_folder,),
    "transformers": (_not_quick, _folder),
    "model": (_model,),
    "weights": (_model, _weights),
    "skeleton": (_model, _weights, _not_quick, _layers, _class),
    "values": (_model, _weights, _values),
    "forward": (_model, _not_adapted, _weights, _not_quick, _passes, _layers, _class, _fits),
    "adapter": (_adapter,),
    "data": (_data,),
    "labels": (_data, _labels, _model),
}


OF_MODELS = ("model", "weights", "skeleton", "values", "forward")
OF_TEXTS = ("data", "labels")


@dataclass(frozen=True)
class Rule:
    """A function that looks, how bad its worst finding is, and what it needs beside the tokenizer.

    With a need of OF_MODELS it is called with the subject and the model, of OF_TEXTS with the subject and the
    survey, else with the subject.
    """

    look: Callable[..., Iterable[Finding]]
    severity: str
    needs: str = ""


# 1 ids and tokens · 2 special tokens · 3 what is put around a text · 4 the model · 5 texts · 6 files, loading
# 7 a file of texts
RULES: dict[str, Rule] = {
    "TB101": Rule(vocabulary.ids_have_no_gaps, "warning"),
    "TB102": Rule(vocabulary.one_id_is_one_token, "error"),
    "TB103": Rule(vocabulary.added_tokens_keep_their_ids, "error"),
    "TB104": Rule(vocabulary.vocabulary_is_learned, "error"),
    "TB105": Rule(vocabulary.every_token_can_occur, "warning"),
    "TB201": Rule(specials.specials_stay_whole, "error"),
    "TB202": Rule(specials.named_specials_exist, "error"),
    "TB203": Rule(specials.unknown_tokens_agree, "error"),
    "TB204": Rule(specials.unknown_token_is_inside, "error"),
    "TB205": Rule(specials.padding_stands_apart, "warning"),
    "TB206": Rule(specials.there_is_a_padding_token, "note"),
    "TB207": Rule(specials.added_tokens_are_reached, "warning"),
    "TB208": Rule(specials.specials_are_taken_literally, "warning"),
    "TB209": Rule(specials.specials_are_not_learned, "note"),
    "TB301": Rule(post_processor.template_ids_are_the_vocabularys, "error"),
    "TB302": Rule(post_processor.declared_ends_are_put_around, "warning"),
    "TB303": Rule(post_processor.segments_reach_the_model, "warning"),
    "TB304": Rule(post_processor.segments_have_rows, "error", "model"),
    "TB305": Rule(post_processor.words_are_tokens_of_the_text, "warning", "model"),
    "TB401": Rule(weights.ids_have_rows, "error", "model"),
    "TB402": Rule(weights.vocab_size_is_the_rows, "error", "weights"),
    "TB403": Rule(weights.spare_rows_are_few, "warning", "model"),
    "TB404": Rule(weights.matrices_have_the_same_rows, "error", "weights"),
    "TB405": Rule(weights.weights_can_be_read, "error", "model"),
    "TB406": Rule(weights.weights_are_safetensors, "warning", "model"),
    "TB407": Rule(weights.layers_are_all_there, "error", "weights"),
    "TB408": Rule(weights.head_is_there, "error", "weights"),
    "TB409": Rule(weights.embedding_is_found, "error", "weights"),
    "TB410": Rule(weights.weights_are_the_classes, "error", "skeleton"),
    "TB411": Rule(config_ids.padding_ids_agree, "error", "model"),
    "TB412": Rule(config_ids.special_ids_agree, "warning", "model"),
    "TB413": Rule(config_ids.special_ids_exist, "error", "model"),
    "TB414": Rule(config_ids.decoders_know_their_start, "error", "model"),
    "TB421": Rule(limits.longest_is_a_length, "error"),
    "TB422": Rule(limits.longest_fits_the_positions, "error", "model"),
    "TB431": Rule(labels.labels_agree, "error", "model"),
    "TB432": Rule(labels.labels_have_rows, "error", "weights"),
    "TB441": Rule(weights.weights_are_numbers, "error", "values"),
    "TB442": Rule(weights.rows_are_trained, "warning", "values"),
    "TB451": Rule(origin.model_needs_no_code, "warning", "model"),
    "TB452": Rule(origin.tokenizer_is_the_models, "error", "model"),
    "TB453": Rule(origin.adapter_is_whole, "error", "adapter"),
    "TB454": Rule(origin.adapter_has_the_new_rows, "error", "adapter"),
    "TB455": Rule(origin.base_is_named, "warning", "adapter"),
    "TB461": Rule(forward.model_can_be_loaded, "error", "forward"),
    "TB462": Rule(forward.inputs_are_taken, "error", "forward"),
    "TB463": Rule(forward.numbers_come_out, "error", "forward"),
    "TB464": Rule(forward.padding_changes_nothing, "error", "forward"),
    "TB500": Rule(saved_files.library_survives_the_file, "error"),
    "TB501": Rule(texts.texts_can_be_encoded, "error"),
    "TB502": Rule(texts.byte_alphabet_is_whole, "error"),
    "TB503": Rule(texts.byte_fallback_has_its_pieces, "error"),
    "TB504": Rule(texts.decoding_undoes_encoding, "error"),
    "TB505": Rule(texts.added_tokens_come_back, "warning"),
    "TB506": Rule(texts.texts_come_back, "note"),
    "TB507": Rule(texts.scripts_are_known, "warning"),
    "TB508": Rule(texts.both_forms_are_one_text, "note"),
    "TB509": Rule(texts.syllables_stay_whole, "note"),
    "TB510": Rule(texts.letters_keep_their_kind, "note"),
    "TB511": Rule(post_processor.texts_stay_short, "error"),
    "TB601": Rule(saved_files.config_lies_beside, "error", "folder"),
    "TB602": Rule(saved_files.both_versions_can_load_it, "warning", "folder"),
    "TB603": Rule(saved_files.transformers_can_load_it, "error", "transformers"),
    "TB604": Rule(saved_files.loading_keeps_the_ids, "error", "transformers"),
    "TB605": Rule(saved_files.loading_adds_no_tokens, "error", "transformers"),
    "TB606": Rule(saved_files.side_files_say_the_same, "error", "folder"),
    "TB607": Rule(saved_files.old_vocabularies_say_the_same, "warning", "folder"),
    "TB608": Rule(saved_files.nothing_is_cut_or_padded, "warning"),
    "TB609": Rule(saved_files.no_code_is_needed, "warning", "folder"),
    "TB610": Rule(saved_files.tokenizer_is_as_trained, "note", "folder"),
    "TB611": Rule(origin.nothing_private_lies_beside, "note", "folder"),
    "TB701": Rule(data_rules.texts_are_known, "warning", "data"),
    "TB702": Rule(data_rules.scripts_are_known_in_texts, "warning", "data"),
    "TB703": Rule(data_rules.texts_are_composed, "warning", "data"),
    "TB704": Rule(data_rules.korean_stays_whole, "warning", "data"),
    "TB705": Rule(data_rules.vocabulary_is_used, "note", "data"),
    "TB706": Rule(data_rules.words_have_tokens, "note", "data"),
    "TB707": Rule(data_rules.texts_fit, "note", "data"),
    "TB708": Rule(labels.labels_are_the_datas, "error", "labels"),
}


def check(
    tokenizer: str | Path,
    model: str | Path | None = None,
    *,
    quick: bool = False,
    values: bool = False,
    data: str | None = None,
    sample: int | None = None,
    ignore: Sequence[str] = (),
    progress: Progress = silent,
) -> Checkup:
    """Let every rule look at a tokenizer and, where there is one, at its model and at texts.

    The model is the one named (a folder, or a name on the hub), or the one in the tokenizer's own folder.
    Nothing of it is loaded but config.json, generation_config.json and the header of its weights; their
    numbers too where the files are small, or with `values`. `quick` leaves out the rules that import
    transformers or read numbers. `data` is a file of texts, of which `sample` are drawn; rules in `ignore`
    do not look.
    """
    codes = tuple(_known(code) for code in ignore)
    ending = hazard(tokenizer)
    if ending:
        return _not_loaded(str(tokenizer), ending)
    subject = check_context(tokenizer, model)
    shown = collect_data_stats(subject, data, sample=sample, progress=progress) if data is not None else None
    return run_rules(subject, quick=quick, values=values, ignore=codes, shown=shown)


def run_rules(
    subject: CheckContext,
    *,
    quick: bool = False,
    values: bool = False,
    ignore: Sequence[str] = (),
    shown: DataStats | None = None,
) -> Checkup:
    """What the rules find in a subject that is loaded already, and in what a survey has shown."""
    asked = Asked(quick=quick, values=values, shown=shown)
    findings: list[Finding] = []
    skipped = dict.fromkeys(ignore, "it was to be ignored")
    for code, rule in RULES.items():
        reason = skipped.get(code) or why_not(rule.needs, subject, asked)
        if reason:
            skipped[code] = reason
            continue
        try:
            findings += _look(rule, subject, shown)
        except FileError as error:  # the library failed on the way; TB501 says so as a finding
            skipped[code] = error.message
    checked = tuple(code for code in RULES if code not in skipped)
    model = subject.model.name if subject.model else ""
    skipped = {code: skipped[code] for code in RULES if code in skipped}
    adapter = subject.adapter.name if subject.adapter else ""
    return Checkup(subject.name, model, tuple(findings), checked, skipped, shown, adapter)


def explain(code: str) -> Explanation:
    """What a rule is about, from the words in its own function; AskedWrongly for an unknown code."""
    known = RULES[_known(code)]
    return explained(_known(code), known.look, known.severity, known.needs)


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
    return Checkup(name, "", (saved_files.deadly(ending),), ("TB500",), skipped)


def _look(rule: Rule, subject: CheckContext, shown: DataStats | None) -> list[Finding]:
    """What a rule finds; whatever the library throws meanwhile is a FileProblem."""
    with wrap_library_errors(subject.name):
        if rule.needs in OF_MODELS:
            return list(rule.look(subject, subject.model))
        if rule.needs in OF_TEXTS:
            return list(rule.look(subject, shown))
        return list(rule.look(subject))
