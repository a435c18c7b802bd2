"""The table of all rules, check(), which lets them look, and explain(), which says what one is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tokbench.check import (
    byte_pieces,
    embeddings,
    files,
    labels,
    lengths,
    loading,
    post_processor,
    round_trip,
    scripts,
    special_ids,
    special_tokens,
    vocabulary,
)
from tokbench.check.explaining import explained
from tokbench.check.finding import Checkup, Explanation, Finding
from tokbench.check.subject import Subject, look_at
from tokbench.errors import AskedWrongly, FileProblem, did_you_mean
from tokbench.pretrained.edge import translated


@dataclass(frozen=True)
class Rule:
    """A function that looks, how bad its worst finding is, and what it needs beside the tokenizer.

    With `needs` of "model" or "weights" it is called with the subject and the model, else with the subject.
    """

    look: Callable[..., Iterable[Finding]]
    severity: str
    needs: str = ""


# 1 ids and tokens · 2 special tokens · 3 what is put around a text · 4 the model · 5 texts · 6 files, loading
RULES: dict[str, Rule] = {
    "TB101": Rule(vocabulary.ids_have_no_gaps, "warning"),
    "TB102": Rule(vocabulary.one_id_is_one_token, "error"),
    "TB103": Rule(vocabulary.added_tokens_keep_their_ids, "error"),
    "TB104": Rule(vocabulary.vocabulary_is_learned, "error"),
    "TB201": Rule(special_tokens.specials_stay_whole, "error"),
    "TB202": Rule(special_tokens.named_specials_exist, "error"),
    "TB203": Rule(special_tokens.unknown_tokens_agree, "error"),
    "TB204": Rule(special_tokens.unknown_token_is_inside, "error"),
    "TB205": Rule(special_tokens.padding_stands_apart, "warning"),
    "TB206": Rule(special_tokens.there_is_a_padding_token, "note"),
    "TB207": Rule(special_tokens.added_tokens_are_reached, "warning"),
    "TB301": Rule(post_processor.template_ids_are_the_vocabularys, "error"),
    "TB302": Rule(post_processor.declared_ends_are_put_around, "warning"),
    "TB303": Rule(post_processor.segments_reach_the_model, "warning"),
    "TB304": Rule(post_processor.segments_have_rows, "error", "model"),
    "TB401": Rule(embeddings.ids_have_rows, "error", "model"),
    "TB402": Rule(embeddings.vocab_size_is_the_rows, "error", "weights"),
    "TB403": Rule(embeddings.spare_rows_are_few, "warning", "model"),
    "TB404": Rule(embeddings.matrices_have_the_same_rows, "error", "weights"),
    "TB405": Rule(embeddings.weights_can_be_read, "error", "model"),
    "TB406": Rule(embeddings.weights_are_safetensors, "warning", "model"),
    "TB411": Rule(special_ids.padding_ids_agree, "error", "model"),
    "TB412": Rule(special_ids.special_ids_agree, "warning", "model"),
    "TB413": Rule(special_ids.special_ids_exist, "error", "model"),
    "TB414": Rule(special_ids.decoders_know_their_start, "error", "model"),
    "TB421": Rule(lengths.longest_is_a_length, "error"),
    "TB422": Rule(lengths.longest_fits_the_positions, "error", "model"),
    "TB431": Rule(labels.labels_agree, "error", "model"),
    "TB432": Rule(labels.labels_have_rows, "error", "weights"),
    "TB501": Rule(round_trip.texts_can_be_encoded, "error"),
    "TB502": Rule(byte_pieces.byte_alphabet_is_whole, "error"),
    "TB503": Rule(byte_pieces.byte_fallback_has_its_pieces, "error"),
    "TB504": Rule(round_trip.decoding_undoes_encoding, "error"),
    "TB505": Rule(round_trip.added_tokens_come_back, "warning"),
    "TB506": Rule(round_trip.texts_come_back, "note"),
    "TB507": Rule(scripts.scripts_are_known, "warning"),
    "TB508": Rule(scripts.both_forms_are_one_text, "note"),
    "TB509": Rule(scripts.syllables_stay_whole, "note"),
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
}


def check(tokenizer: str | Path, model: str | Path | None = None, *, quick: bool = False) -> Checkup:
    """Let every rule look at a tokenizer and, where there is one, at its model.

    The model is the one named (a folder, or a name on the hub), or the one in the tokenizer's own folder.
    Nothing of it is loaded but config.json, generation_config.json and the header of its weights. `quick`
    leaves out the rules that import transformers.
    """
    subject = look_at(tokenizer, model)
    findings: list[Finding] = []
    skipped: dict[str, str] = {}
    for code, rule in RULES.items():
        reason = _missing(rule.needs, subject, quick=quick)
        if reason:
            skipped[code] = reason
            continue
        try:
            findings += _look(rule, subject)
        except FileProblem as error:  # the library failed on the way; TB501 says so as a finding
            skipped[code] = error.message
    checked = tuple(code for code in RULES if code not in skipped)
    return Checkup(
        subject.name, subject.model.name if subject.model else "", tuple(findings), checked, skipped
    )


def explain(code: str) -> Explanation:
    """What a rule is about, from the words in its own function; AskedWrongly for an unknown code."""
    known = RULES.get(code.upper())
    if known is None:
        raise AskedWrongly(
            f"there is no rule {code}", fix=f"{did_you_mean(code, RULES)}; all of them: tokbench check --list"
        )
    return explained(code.upper(), known.look, known.severity, known.needs)


def explain_all() -> tuple[Explanation, ...]:
    """All rules, in the order of their codes."""
    return tuple(explain(code) for code in RULES)


def _look(rule: Rule, subject: Subject) -> list[Finding]:
    """What a rule finds; whatever the library throws meanwhile is a FileProblem."""
    with translated(subject.name):
        if rule.needs in ("model", "weights"):
            return list(rule.look(subject, subject.model))
        return list(rule.look(subject))


def _missing(needs: str, subject: Subject, *, quick: bool) -> str:
    """Why a rule cannot look; "" when it can."""
    if needs == "transformers" and quick:
        return "it imports transformers, and this was to be quick"
    if needs in ("folder", "transformers") and subject.folder is None:
        return "one file was given, not a folder"
    if needs in ("model", "weights") and subject.model is None:
        return "no model was given, and the tokenizer's folder has no config.json"
    if needs == "weights" and subject.model is not None and not subject.model.weights.tensors:
        return subject.model.weights.unread or "the model has no safetensors that could be read"
    return ""
