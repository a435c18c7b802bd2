"""The table of all rules, check(), which lets them look, and explain(), which says what one is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokbench.check import (
    adapting,
    byte_pieces,
    embeddings,
    files,
    forward,
    hazards,
    labels,
    layers,
    lengths,
    loading,
    origin,
    post_processor,
    reachable,
    round_trip,
    scripts,
    skeleton,
    special_ids,
    special_texts,
    special_tokens,
    survey_rules,
    trained_rows,
    vocabulary,
    words,
)
from tokbench.check.explaining import explained
from tokbench.check.finding import Checkup, Explanation, Finding
from tokbench.check.hazards import hazard
from tokbench.check.needs import Asked, why_not
from tokbench.check.subject import Subject, look_at
from tokbench.check.survey import survey
from tokbench.check.surveyed import Survey
from tokbench.errors import AskedWrongly, FileProblem, did_you_mean
from tokbench.pretrained.edge import translated
from tokbench.progress import Progress, silent

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
    "TB105": Rule(reachable.every_token_can_occur, "warning"),
    "TB201": Rule(special_tokens.specials_stay_whole, "error"),
    "TB202": Rule(special_tokens.named_specials_exist, "error"),
    "TB203": Rule(special_tokens.unknown_tokens_agree, "error"),
    "TB204": Rule(special_tokens.unknown_token_is_inside, "error"),
    "TB205": Rule(special_tokens.padding_stands_apart, "warning"),
    "TB206": Rule(special_tokens.there_is_a_padding_token, "note"),
    "TB207": Rule(special_tokens.added_tokens_are_reached, "warning"),
    "TB208": Rule(special_texts.specials_are_taken_literally, "warning"),
    "TB209": Rule(special_texts.specials_are_not_learned, "note"),
    "TB301": Rule(post_processor.template_ids_are_the_vocabularys, "error"),
    "TB302": Rule(post_processor.declared_ends_are_put_around, "warning"),
    "TB303": Rule(post_processor.segments_reach_the_model, "warning"),
    "TB304": Rule(post_processor.segments_have_rows, "error", "model"),
    "TB305": Rule(words.words_are_tokens_of_the_text, "warning", "model"),
    "TB401": Rule(embeddings.ids_have_rows, "error", "model"),
    "TB402": Rule(embeddings.vocab_size_is_the_rows, "error", "weights"),
    "TB403": Rule(embeddings.spare_rows_are_few, "warning", "model"),
    "TB404": Rule(embeddings.matrices_have_the_same_rows, "error", "weights"),
    "TB405": Rule(embeddings.weights_can_be_read, "error", "model"),
    "TB406": Rule(embeddings.weights_are_safetensors, "warning", "model"),
    "TB407": Rule(layers.layers_are_all_there, "error", "weights"),
    "TB408": Rule(layers.head_is_there, "error", "weights"),
    "TB409": Rule(layers.embedding_is_found, "error", "weights"),
    "TB410": Rule(skeleton.weights_are_the_classes, "error", "skeleton"),
    "TB411": Rule(special_ids.padding_ids_agree, "error", "model"),
    "TB412": Rule(special_ids.special_ids_agree, "warning", "model"),
    "TB413": Rule(special_ids.special_ids_exist, "error", "model"),
    "TB414": Rule(special_ids.decoders_know_their_start, "error", "model"),
    "TB421": Rule(lengths.longest_is_a_length, "error"),
    "TB422": Rule(lengths.longest_fits_the_positions, "error", "model"),
    "TB431": Rule(labels.labels_agree, "error", "model"),
    "TB432": Rule(labels.labels_have_rows, "error", "weights"),
    "TB441": Rule(trained_rows.weights_are_numbers, "error", "values"),
    "TB442": Rule(trained_rows.rows_are_trained, "warning", "values"),
    "TB451": Rule(origin.model_needs_no_code, "warning", "model"),
    "TB452": Rule(origin.tokenizer_is_the_models, "error", "model"),
    "TB453": Rule(adapting.adapter_is_whole, "error", "adapter"),
    "TB454": Rule(adapting.adapter_has_the_new_rows, "error", "adapter"),
    "TB455": Rule(adapting.base_is_named, "warning", "adapter"),
    "TB461": Rule(forward.model_can_be_loaded, "error", "forward"),
    "TB462": Rule(forward.inputs_are_taken, "error", "forward"),
    "TB463": Rule(forward.numbers_come_out, "error", "forward"),
    "TB464": Rule(forward.padding_changes_nothing, "error", "forward"),
    "TB500": Rule(hazards.library_survives_the_file, "error"),
    "TB501": Rule(round_trip.texts_can_be_encoded, "error"),
    "TB502": Rule(byte_pieces.byte_alphabet_is_whole, "error"),
    "TB503": Rule(byte_pieces.byte_fallback_has_its_pieces, "error"),
    "TB504": Rule(round_trip.decoding_undoes_encoding, "error"),
    "TB505": Rule(round_trip.added_tokens_come_back, "warning"),
    "TB506": Rule(round_trip.texts_come_back, "note"),
    "TB507": Rule(scripts.scripts_are_known, "warning"),
    "TB508": Rule(scripts.both_forms_are_one_text, "note"),
    "TB509": Rule(scripts.syllables_stay_whole, "note"),
    "TB510": Rule(scripts.letters_keep_their_kind, "note"),
    "TB511": Rule(words.texts_stay_short, "error"),
    "TB601": Rule(files.config_lies_beside, "error", "folder"),
    "TB602": Rule(files.both_versions_can_load_it, "warning", "folder"),
    "TB603": Rule(loading.transformers_can_load_it, "error", "transformers"),
    "TB604": Rule(loading.loading_keeps_the_ids, "error", "transformers"),
    "TB605": Rule(loading.loading_adds_no_tokens, "error", "transformers"),
    "TB606": Rule(files.side_files_say_the_same, "error", "folder"),
    "TB607": Rule(files.old_vocabularies_say_the_same, "warning", "folder"),
    "TB608": Rule(files.nothing_is_cut_or_padded, "warning"),
    "TB609": Rule(files.no_code_is_needed, "warning", "folder"),
    "TB610": Rule(files.tokenizer_is_as_trained, "note", "folder"),
    "TB611": Rule(origin.nothing_private_lies_beside, "note", "folder"),
    "TB701": Rule(survey_rules.texts_are_known, "warning", "data"),
    "TB702": Rule(survey_rules.scripts_are_known_in_texts, "warning", "data"),
    "TB703": Rule(survey_rules.texts_are_composed, "warning", "data"),
    "TB704": Rule(survey_rules.korean_stays_whole, "warning", "data"),
    "TB705": Rule(survey_rules.vocabulary_is_used, "note", "data"),
    "TB706": Rule(survey_rules.words_have_tokens, "note", "data"),
    "TB707": Rule(survey_rules.texts_fit, "note", "data"),
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
    subject = look_at(tokenizer, model)
    shown = survey(subject, data, sample=sample, progress=progress) if data is not None else None
    return look(subject, quick=quick, values=values, ignore=codes, shown=shown)


def look(
    subject: Subject,
    *,
    quick: bool = False,
    values: bool = False,
    ignore: Sequence[str] = (),
    shown: Survey | None = None,
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
        except FileProblem as error:  # the library failed on the way; TB501 says so as a finding
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
        raise AskedWrongly(
            f"there is no rule {code}", fix=f"{did_you_mean(code, RULES)}; all of them: tokbench check --list"
        )
    return code.upper()


def _not_loaded(name: str, ending: str) -> Checkup:
    """The one finding about a file that the library does not survive; no other rule can look."""
    skipped = {code: "the library does not survive the file" for code in RULES if code != "TB500"}
    return Checkup(name, "", (hazards.deadly(ending),), ("TB500",), skipped)


def _look(rule: Rule, subject: Subject, shown: Survey | None) -> list[Finding]:
    """What a rule finds; whatever the library throws meanwhile is a FileProblem."""
    with translated(subject.name):
        if rule.needs in OF_MODELS:
            return list(rule.look(subject, subject.model))
        if rule.needs in OF_TEXTS:
            return list(rule.look(subject, shown))
        return list(rule.look(subject))
