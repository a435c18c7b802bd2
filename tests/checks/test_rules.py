"""The table of rules: what each row says, and that a row and a function are all a rule needs."""

import re
from pathlib import Path

import pytest

from tokbench.checks import rules
from tokbench.checks.context import check_context
from tokbench.checks.findings import Finding, Rule
from tokbench.checks.run import RULES, run_rules

from .folders import clean

TABLE = """
TB101 ids-have-no-gaps warning - -
TB102 one-id-is-one-token error - -
TB103 added-tokens-keep-their-ids error - added_tokens_are_pinned
TB104 vocabulary-is-learned error - -
TB105 every-token-can-occur warning tokens -
TB201 specials-stay-whole error - specials_are_declared
TB202 named-specials-exist error - roles_name_known_tokens
TB203 unknown-tokens-agree error - unknown_token_is_the_models
TB204 unknown-token-is-inside error - -
TB205 padding-stands-apart warning - -
TB206 there-is-a-padding-token note - -
TB207 added-tokens-are-reached warning - -
TB208 specials-are-taken-literally warning - specials_are_taken_as_written
TB209 specials-are-not-learned note - -
TB210 neighbours-are-left-alone warning - -
TB211 added-tokens-stay-apart error - equal_tokens_are_taken_as_written
TB301 template-ids-are-the-vocabularys error - template_follows_the_vocabulary
TB302 declared-ends-are-put-around warning - -
TB303 segments-reach-the-model warning - segments_are_given
TB304 segments-have-rows error model segments_are_left_out
TB305 words-are-tokens-of-the-text warning model -
TB401 ids-have-rows error model -
TB402 vocab-size-is-the-rows error weights vocab_size_is_counted
TB403 spare-rows-are-few warning model -
TB404 matrices-have-the-same-rows error weights -
TB405 weights-can-be-read error model -
TB406 weights-are-safetensors error model -
TB407 layers-are-all-there error weights -
TB408 head-is-there error weights -
TB409 embedding-is-found error weights -
TB410 weights-are-the-classes error skeleton -
TB411 padding-ids-agree error model padding_id_is_the_tokenizers
TB412 special-ids-agree warning model special_ids_are_the_tokenizers
TB413 special-ids-exist error model special_ids_are_the_tokenizers
TB414 decoders-know-their-start error model decoder_starts_with_padding
TB421 longest-is-a-length error - longest_is_what_fits
TB422 longest-fits-the-positions error model longest_is_what_fits
TB431 labels-agree error model -
TB432 labels-have-rows error weights -
TB441 weights-are-numbers error values -
TB442 rows-are-trained warning values -
TB443 tied-matrices-are-one error values -
TB451 model-needs-no-code warning model -
TB452 tokenizer-is-the-models error model -
TB453 adapter-is-whole error adapter -
TB454 adapter-has-the-new-rows error adapter -
TB455 base-is-named warning adapter -
TB456 adapter-fits-its-base error adapter -
TB457 new-tokens-are-trained warning adapter -
TB461 model-can-be-loaded error loaded -
TB462 inputs-are-taken error forward -
TB463 numbers-come-out error forward -
TB464 padding-changes-nothing error forward -
TB500 library-survives-the-file error - -
TB501 texts-can-be-encoded error - -
TB502 byte-alphabet-is-whole error - -
TB503 byte-fallback-has-its-pieces error - -
TB504 decoding-undoes-encoding error - decoder_undoes_the_blocks
TB505 added-tokens-come-back warning - -
TB506 texts-come-back note - -
TB507 scripts-are-known warning - -
TB508 both-forms-are-one-text note - -
TB509 syllables-stay-whole note - -
TB510 letters-keep-their-kind note - -
TB511 texts-stay-short error - -
TB512 offsets-cover-the-text warning - -
TB513 blocks-stand-in-order warning - -
TB514 byte-pieces-are-not-learned warning - -
TB601 config-lies-beside error folder config_is_written
TB602 both-versions-can-load-it warning folder both_versions_read_it
TB603 transformers-can-load-it error transformers -
TB604 loading-keeps-the-ids error transformers class_is_generic
TB605 loading-adds-no-tokens error transformers class_is_generic
TB606 side-files-say-the-same error folder stale_files_go
TB607 old-vocabularies-say-the-same warning folder contradicting_files_go
TB608 nothing-is-cut-or-padded warning - nothing_is_baked_in
TB609 no-code-is-needed warning folder no_code_is_asked_for
TB610 tokenizer-is-as-trained note folder -
TB611 nothing-private-lies-beside note folder stale_files_go
TB612 files-lie-in-the-folder warning folder -
TB613 added-tokens-are-matched-alike error folder flags_are_those_transformers_takes
TB614 roles-have-one-id error folder media_are_the_tokenizers
TB615 flags-are-the-pipelines warning folder first_space_is_said
TB701 texts-are-known warning data -
TB702 scripts-are-known-in-texts warning data -
TB703 texts-are-composed warning data -
TB704 korean-stays-whole warning data -
TB705 vocabulary-is-used note data -
TB706 words-have-tokens note data -
TB707 texts-fit note data -
TB708 labels-are-the-datas error labels -
TB801 chat-template-renders error - -
TB802 chat-templates-agree warning - other_templates_follow
TB803 control-strings-are-tokens error - -
TB804 chats-begin-once warning - -
TB805 answers-end error - -
TB806 generation-ends-with-the-turn error - generation_stops_at_the_turn
TB807 generation-is-prompted warning - -
TB808 usual-roles-are-taken warning - -
TB809 user-text-is-text note - -
"""
FILES = [path for path in sorted(Path(rules.__path__[0]).glob("*.py")) if path.stem != "__init__"]


def test_the_table_of_rules_is_this():
    rows = [
        f"{code} {rule.name} {rule.severity} {rule.needs or '-'} {rule.fix.__name__ if rule.fix else '-'}"
        for code, rule in RULES.items()
    ]
    assert rows == TABLE.split("\n")[1:-1]


def test_a_rule_is_named_like_its_function():
    assert [rule.name for rule in RULES.values()] == [
        rule.look.__name__.replace("_", "-") for rule in RULES.values()
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_rules_file_ends_with_its_table_and_writes_codes_only_there(path):
    before, table = path.read_text(encoding="utf-8").split("\nRULES = (\n")
    assert table.rstrip().removesuffix("  # fmt: skip").endswith("\n)")
    assert re.findall(r'"TB\d+"', before) == []
    codes = re.findall(r'"(TB\d+)"', table)
    assert codes == sorted(set(codes))
    assert all(RULES[code].look.__module__.endswith(f".{path.stem}") for code in codes)


@pytest.mark.parametrize(("given", "severity"), [({}, "warning"), ({"severity": "note"}, "note")])
def test_the_runner_fills_in_code_and_severity(given, severity, tmp_path, monkeypatch):
    def texts_are_short(context):
        """Texts are short."""
        yield Finding("they are long", "1", "cut them", **given)

    monkeypatch.setitem(RULES, "TB999", Rule("TB999", "texts-are-short", "warning", "", texts_are_short))
    found = run_rules(check_context(clean("bert").write(tmp_path)), quick=True)
    assert found.checked[-1] == "TB999"
    assert found.findings[-1] == Finding("they are long", "1", "cut them", code="TB999", severity=severity)
