"""Every rule: a folder that violates it, one that does not, and the words that explain it."""

import resource
import subprocess
import sys

import pytest

from tokbench.checks.findings import SEVERITIES
from tokbench.checks.run import RULES, check, explain, explain_all
from tokbench.errors import FileError, UsageError

from .cases import CASES, added
from .folders import KINDS, MODELS, clean, clean_pair

NEEDS_TRANSFORMERS = {code for code, rule in RULES.items() if rule.needs == "transformers"}
SLOW = ("transformers", "values", "skeleton", "loaded", "forward")
NEEDS_TIME = {code for code, rule in RULES.items() if rule.needs in SLOW}
TWO_FOLDERS, OWN_PROCESS = "TB452", "TB500"  # violated in test_origin.py and test_hazards.py


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.kind} {case.label}".strip())
def test_a_violation_is_found_with_its_evidence(case, checked):
    checkup = checked(case.files, quick=case.code not in NEEDS_TIME)
    found = [finding for finding in checkup.findings if finding.code == case.code]
    assert [finding.severity for finding in found if finding.severity == case.severity], checkup
    text = " ".join(finding.evidence for finding in found)
    assert [words for words in case.evidence if words not in text] == []
    assert all("\n" not in finding.evidence and finding.message and finding.fix for finding in found)


def test_every_rule_has_a_folder_that_violates_it():
    assert RULES.keys() - {case.code for case in CASES} == {TWO_FOLDERS, OWN_PROCESS}


def test_every_rule_reaches_the_worst_severity_it_declares():
    order = SEVERITIES.index
    worst = {}
    for case in CASES:
        worst[case.code] = min(worst.get(case.code, case.severity), case.severity, key=order)
    declared = {code: rule.severity for code, rule in RULES.items() if code not in (TWO_FOLDERS, OWN_PROCESS)}
    assert worst == declared


@pytest.mark.parametrize(
    ("make", "kind"), [*((clean, kind) for kind in KINDS), *((clean_pair, kind) for kind in MODELS)]
)
def test_a_clean_folder_has_neither_errors_nor_warnings(make, kind, checked):
    checkup = checked(make(kind), quick=False)
    assert [finding for finding in checkup.findings if finding.severity != "note"] == []
    assert checkup.passed
    assert len(checkup.checked) + len(checkup.skipped) == len(RULES)


@pytest.mark.parametrize("code", RULES)
def test_a_rule_explains_itself(code):
    words = explain(code)
    assert words.code == code
    assert words.severity in SEVERITIES
    assert words.title.endswith(".")
    assert len(words.title) <= 110
    assert all(len(part) > 10 for part in (words.cause, words.example))
    assert words.source


def test_codes_are_in_order_and_each_has_its_own_function():
    assert list(RULES) == sorted(RULES)
    assert len({rule.look for rule in RULES.values()}) == len(RULES)


def test_explain_takes_any_case_and_names_the_nearest_code():
    assert explain("tb101") == explain("TB101")
    with pytest.raises(UsageError) as caught:
        explain("TB4001")
    assert "TB401" in caught.value.fix


def test_all_rules_can_be_listed():
    assert [each.code for each in explain_all()] == list(RULES)


def test_quick_says_what_it_left_out(checked):
    checkup = checked(clean("bert"))
    assert set(checkup.skipped) >= NEEDS_TRANSFORMERS
    assert not NEEDS_TRANSFORMERS & set(checkup.checked)


def test_without_a_model_its_rules_are_skipped_with_the_reason(checked):
    checkup = checked(clean("bert"))
    assert checkup.model == ""
    assert "no model was given" in checkup.skipped["TB401"]


def test_a_model_elsewhere_is_looked_at_too(tmp_path):
    pair = clean_pair("bert")
    pair.tensors["cls.predictions.bias"] = (7,)
    model = pair.write(tmp_path / "model")
    tokenizer = clean("bert").write(tmp_path / "tokenizer")
    checkup = check(tokenizer, model, quick=True)
    assert checkup.model == str(model)
    assert [finding.code for finding in checkup.findings if finding.severity == "error"] == ["TB404"]


def test_a_bare_file_is_checked_as_far_as_it_goes(tmp_path):
    folder = clean("bert").write(tmp_path)
    checkup = check(folder / "tokenizer.json")
    assert checkup.passed
    assert "one file was given" in checkup.skipped["TB601"]


def test_what_the_library_throws_on_the_way_skips_a_rule_and_is_a_finding_itself(checked, capfd):
    broken = clean("bert")
    broken.raw["post_processor"]["special_tokens"].pop("[CLS]")
    checkup = checked(broken)
    assert "TB501" in {finding.code for finding in checkup.findings}
    assert "TB302" in checkup.skipped
    assert capfd.readouterr() == ("", "")  # a panic's own report is held back


@pytest.mark.parametrize(
    ("tokenizer", "model", "words"),
    [
        ("nothing-here/at-all/", None, "there is no tokenizer at nothing-here/at-all/"),
        (None, "./no-model", "there is no model folder at ./no-model"),
        (None, "an-org/a-model-nobody-has", "cannot be reached"),
    ],
)
def test_what_is_not_there_is_said_at_once(tokenizer, model, words, tmp_path):
    folder = clean("bert").write(tmp_path)
    with pytest.raises(FileError, match=words):
        check(tokenizer or folder, model)


def test_a_models_folder_without_config_is_refused(tmp_path):
    folder = clean("bert").write(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match=r"has no config\.json"):
        check(folder, tmp_path / "empty")


def test_quick_loads_neither_torch_nor_transformers(tmp_path):
    folder = clean_pair("bert").write(tmp_path)
    look = "import sys; from tokbench.checks.run import check; check(sys.argv[1], quick=True)"
    heavy = "print({'torch', 'transformers', 'numpy', 'huggingface_hub'} & sys.modules.keys())"
    run = [sys.executable, "-c", f"{look}; {heavy}", str(folder)]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "set()\n"


def test_what_the_quick_rules_find_is_told_before_the_slow_ones_look(tmp_path):
    files = clean("gpt2")
    files.config.pop("pad_token")
    files.config["tokenizer_class"] = "BertTokenizer"
    files.raw["model"]["vocab"]["zqxj"] = files.rows()
    folder, told = files.write(tmp_path), []
    checkup = check(folder, early=told.append)
    (early,) = told
    slow = {code for code, rule in RULES.items() if rule.needs in ("tokens", *SLOW)}
    assert {each.code for each in early} == {each.code for each in checkup.findings} - slow
    assert {each.code for each in checkup.findings} & slow
    assert [each.code for each in checkup.findings] == sorted(each.code for each in checkup.findings)
    check(folder, quick=True, ignore=["TB105"], early=lambda _: pytest.fail("nothing slow looks"))


def test_a_quick_check_costs_its_load_and_little_more(tmp_path):
    files = clean("gpt2")
    first = files.rows()
    for number in range(70_000):
        files.raw["model"]["vocab"][f"zq{number}x"] = first + number
    for number in range(2_000):
        files.raw["added_tokens"].append(added(f"<|x{number}|>", first + 70_000 + number))
    folder = files.write(tmp_path)
    loading = "import sys; from tokbench.pretrained.folder import load; load(sys.argv[1])"
    checking = "import sys; from tokbench.checks.run import check; check(sys.argv[1], quick=True)"
    seconds = {}
    for code in (loading, checking) * 2:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        seconds[code] = min(spent, seconds.get(code, spent))
    assert seconds[checking] - seconds[loading] < 0.6
