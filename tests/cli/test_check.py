"""check and same as people type them: what is asked, what comes out, and the exit code."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.checks import cases
from tests.checks.folders import clean, clean_pair
from tests.checks.real_models import adapter
from tokbench.checks.run import RULES

SARIF_LEVELS = {"none", "note", "warning", "error"}


@pytest.fixture
def broken(tmp_path):
    files = clean_pair("bert")
    cases.cut_and_padded(files)
    files.model["pad_token_id"] = 1
    files.write(tmp_path / "broken")
    return "broken"


@pytest.fixture
def whole(tmp_path):
    clean_pair("bert").write(tmp_path / "whole")
    return "whole"


def assert_sarif(log):
    """What the schema of SARIF 2.1.0 requires of the objects we write: names, types, bounds."""
    assert log.keys() <= {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    for run in log["runs"]:
        assert run.keys() <= {"tool", "invocations", "results"}
        driver = run["tool"]["driver"]
        assert isinstance(driver["name"], str)
        ids = [rule["id"] for rule in driver["rules"]]
        assert len(set(ids)) == len(ids)
        for rule in driver["rules"]:
            assert rule.keys() <= {
                "id",
                "shortDescription",
                "fullDescription",
                "help",
                "defaultConfiguration",
            }
            assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))
            assert rule["defaultConfiguration"]["level"] in SARIF_LEVELS
        assert all(isinstance(each["executionSuccessful"], bool) for each in run["invocations"])
        for result in run["results"]:
            assert isinstance(result["message"]["text"], str)
            assert result["level"] in SARIF_LEVELS
            assert ids[result["ruleIndex"]] == result["ruleId"]
            assert all(isinstance(each, str) for each in result["partialFingerprints"].values())
            for location in result["locations"]:
                uri = location["physicalLocation"]["artifactLocation"]["uri"]
                assert uri
                assert not set(uri) & set(' "<>\\^`{|}')


def test_sarif_is_what_its_schema_asks_for(tokbench, broken):
    said = tokbench("check", broken, "--quick", "--sarif")
    assert said.code == 1
    log = json.loads(said.out)
    assert_sarif(log)
    results = log["runs"][0]["results"]
    places = {
        each["ruleId"]: each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for each in results
    }
    assert places["TB411"] == "broken/config.json"
    assert places["TB608"] == "broken/tokenizer.json"


def test_sarif_lists_the_rules_that_looked_and_no_others(tokbench, broken):
    looked = json.loads(tokbench("check", broken, "--quick", "--ignore", "TB411", "--json").out)["checked"]
    log = json.loads(tokbench("check", broken, "--quick", "--ignore", "TB411", "--sarif").out)
    assert [rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]] == looked
    assert 0 < len(looked) < len(RULES)
    assert "TB411" not in looked


def test_sarif_of_a_folder_elsewhere_names_whole_uris(tokbench, tmp_path):
    folder = clean("bert").write(tmp_path / "a folder with spaces")
    log = json.loads(tokbench("check", folder, "--quick", "--sarif").out)
    assert_sarif(log)
    uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.startswith("file:///")
    assert uri.endswith("a%20folder%20with%20spaces/tokenizer.json")


def test_the_exit_code_follows_what_is_to_fail(tokbench, whole, broken):
    assert tokbench("check", whole, "--quick").code == 0
    assert tokbench("check", broken, "--quick").code == 1
    assert tokbench("check", whole, "--quick", "--fail-on", "warning").code == 0
    assert tokbench("check", whole, "--quick", "--fail-on", "note").code == 1


def test_a_warning_fails_only_when_it_is_to(tokbench, tmp_path):
    files = clean("bert")
    cases.cut_and_padded(files)
    files.write(tmp_path / "warned")
    assert tokbench("check", "warned", "--quick").code == 0
    assert tokbench("check", "warned", "--quick", "--fail-on", "warning").code == 1
    assert tokbench("check", "warned", "--quick", "--fail-on", "warning", "--ignore", "tb608").code == 0


def test_an_ignored_rule_does_not_look(tokbench, broken):
    said = tokbench("check", broken, "--quick", "--json", "--ignore", "TB411", "--ignore", "TB608")
    assert said.code == 0
    shown = json.loads(said.out)
    assert not {"TB411", "TB608"} & set(shown["checked"])
    assert shown["skipped"]["TB411"] == "it was to be ignored"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--ignore", "TB999"), "tokbench check --list"),
        (("--fail-on", "worry"), "error, warning, note"),
        (("--fix",), "--dry-run, -o NEW or --in-place"),
        (("--fix", "--dry-run", "--in-place"), "--dry-run, -o NEW or --in-place"),
        (("--dry-run",), "--fix"),
        (("--sarif", "--fix", "--dry-run"), "run check twice"),
        (("--sarif", "--json"), "leave one of them out"),
        (("--sarif", "--html", "page.html"), "leave one of them out"),
        (("--data", "nothing.txt"), ""),
    ],
)
def test_what_is_asked_wrongly_is_said(tokbench, whole, words, hint):
    said = tokbench("check", whole, "--quick", *words)
    assert said.code == 2
    assert hint in said.err
    assert said.out == ""


def test_a_rule_is_explained_with_cause_example_and_source(tokbench):
    said = tokbench("check", "--explain", "TB452")
    assert said.code == 0
    assert all(word in said.out for word in ("cause", "example", "source", "TB452"))
    assert tokbench("check", "--explain", "TB999").code == 2


def test_all_rules_are_listed(tokbench):
    said = tokbench("check", "--list", "--json")
    assert {each["code"] for each in json.loads(said.out)["result"]} == set(RULES)


def test_a_dry_run_lists_what_a_fix_does_and_the_fix_passes(tokbench, broken, tmp_path):
    said = tokbench("check", broken, "--quick", "--fix", "--dry-run", "--json")
    planned = json.loads(said.out)
    assert said.code == 0
    assert {each["code"] for each in planned["changes"]} == {"TB411", "TB608"}
    assert not (tmp_path / "new").exists()
    assert tokbench("check", broken, "--quick", "--fix", "-o", "new").code == 0
    assert tokbench("check", "new", "--quick", "--fail-on", "warning").code == 0
    assert tokbench("check", broken, "--quick").code == 1


def test_a_fix_in_place_says_where_the_old_files_are(tokbench, broken, tmp_path):
    said = tokbench("check", broken, "--quick", "--fix", "--in-place")
    assert said.code == 0
    assert "broken.backup" in said.out
    assert {path.name for path in (tmp_path / "broken.backup").iterdir()} == {"config.json", "tokenizer.json"}


def test_texts_are_shown_by_script(tokbench, whole, tmp_path):
    (tmp_path / "texts.txt").write_text("the fox 한국어\n" * 30, encoding="utf-8")
    said = tokbench("check", whole, "--quick", "--data", "texts.txt")
    assert said.code == 0
    assert all(word in said.out for word in ("Latin", "Hangul", "TB702", "never used"))
    shown = json.loads(
        tokbench("check", whole, "--quick", "--data", "texts.txt", "--sample", 5, "--json").out
    )
    assert shown["survey"]["texts"] == 5


def test_the_same_is_0_and_another_is_1(tokbench, whole, tmp_path):
    files = clean("bert")
    files.raw["normalizer"]["lowercase"] = False
    files.write(tmp_path / "cased")
    assert tokbench("same", whole, whole).code == 0
    said = tokbench("same", whole, "cased", "--json")
    assert said.code == 1
    shown = json.loads(said.out)
    assert shown["verdict"] == "different"
    assert len(shown["example"]["text"]) == 1
    assert "the shortest text found" in tokbench("same", whole, "cased").out


def test_a_token_that_drives_a_terminal_is_shown_as_text(tokbench, tmp_path):
    files = clean("bert")
    cases.plain(files, "\x1b[31mred")
    files.write(tmp_path / "one")
    clean("bert").write(tmp_path / "other")
    assert "\x1b" not in tokbench("same", "one", "other").out


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("check", "broken", "--quick"), "TB411"),
        (("check", "broken", "--quick", "--fix", "--dry-run"), "change"),
        (("check", "--explain", "TB464"), "TB464"),
        (("same", "broken", "broken"), "sha256"),
    ],
)
def test_what_is_shown_is_also_a_page(tokbench, broken, tmp_path, words, shown):
    tokbench(*words, "--html", "page.html")
    assert shown in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "title"),
    [
        (("check", "broken", "--quick", "--json"), "broken"),
        (("check", "broken", "--quick", "--fix", "--dry-run", "--json"), "broken"),
        (("same", "broken", "broken", "--json"), "sha256"),
    ],
)
def test_saved_json_is_shown_again_by_report(tokbench, broken, tmp_path, words, title):
    (tmp_path / "saved.json").write_text(tokbench(*words).out, encoding="utf-8")
    said = tokbench("report", "saved.json", "-o", "page.html")
    assert said.code == 0, said.err
    assert title in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_an_adapter_is_checked_with_its_base(tokbench, tmp_path):
    files = clean_pair("gpt2")
    adapter({"h.0.lora_A.weight": (4, 8)}, base_rows=290)(files)
    files.write(tmp_path / "tuned")
    said = tokbench("check", "tuned", "--quick", "--json")
    shown = json.loads(said.out)
    assert said.code == 1
    assert (shown["model"], shown["adapter"]) == (str(tmp_path / "base"), "tuned")
    assert [each["code"] for each in shown["findings"] if each["severity"] == "error"] == ["TB454"]
    log = json.loads(tokbench("check", "tuned", "--quick", "--sarif").out)
    assert_sarif(log)
    before = (tmp_path / "base" / "config.json").read_bytes()
    assert tokbench("check", "tuned", "--quick", "--fix", "-o", "mended").code == 1
    assert (tmp_path / "base" / "config.json").read_bytes() == before


def test_on_a_terminal_each_finding_is_shown_once_the_quick_ones_before_the_verdict(tmp_path):
    folder = clean("gpt2")
    folder.config.pop("pad_token")
    place = folder.write(tmp_path / "tok")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "tokbench", "check", str(place)]
    subprocess.run(command, stdout=theirs, stderr=subprocess.DEVNULL, check=True)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # Linux says EIO at the end of a terminal's output
        while part := os.read(ours, 1 << 16):
            shown += part
    os.close(ours)
    assert shown.count(b"TB206") == 1
    assert shown.index(b"TB206") < shown.index(b"nothing will break")
