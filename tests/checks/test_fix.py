"""--fix: every fix takes its finding away, adds none, leaves ids alone, and what was there is kept."""

import json

import pytest
from tokenizers import Tokenizer

from tokbench.checks.fix import FIXES, fix
from tokbench.checks.run import check
from tokbench.errors import FileError, UsageError
from tokbench.pretrained.folder import load

from .cases import CASES, cut_and_padded
from .folders import KINDS, MODELS, clean, clean_pair

# What a fix leaves in these cases, because somebody has to choose.
CHOICES = {
    ("TB103", ""),  # "<|end|>" 500: the gap behind it is a finding of its own
    ("TB202", "an extra one"),
    ("TB411", "roberta"),
    ("TB504", "letters are removed"),
    ("TB504", "characters"),
    ("TB614", "no row"),
    ("TB614", "a processor's"),  # nobody knows a token of that name
    ("TB615", "bos"),  # whether the model was trained with it, only its owner knows
    ("TB615", "eos"),
    ("TB806", "gpt2"),  # generation stops; that eos_token is another token is left as a note
}
SLOW = ("TB604", "TB605")  # their rules import transformers
MENDED = [case for case in CASES if case.code in FIXES and case.severity != "note"]


def name(case):
    return f"{case.code} {case.kind} {case.label}".strip()


def errors(checkup):
    return {finding.code for finding in checkup.findings if finding.severity == "error"}


@pytest.mark.parametrize("case", MENDED, ids=name)
def test_a_fix_takes_its_finding_away_and_adds_no_error(case, tmp_path):
    folder = case.files.write(tmp_path / "broken")
    mended = fix(folder, output=tmp_path / "mended", quick=case.code not in SLOW)
    left = check(tmp_path / "mended", quick=case.code not in SLOW)
    assert errors(left) <= errors(mended.before), mended.changes
    assert left.findings == mended.after.findings
    if not {(case.code, case.label), (case.code, case.kind)} & CHOICES:
        assert case.code not in {finding.code for finding in left.findings}, mended.changes
        assert mended.changes


@pytest.mark.parametrize("make", [clean, clean_pair])
@pytest.mark.parametrize("kind", MODELS)
def test_a_clean_folder_needs_no_change(make, kind, tmp_path):
    folder = make(kind).write(tmp_path / "clean")
    assert fix(folder, quick=True).changes == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fix_of_the_decoder_changes_no_id(kind, tmp_path):
    files = clean(kind)
    files.raw["decoder"] = None
    folder = files.write(tmp_path / "broken")
    fix(folder, output=tmp_path / "mended", quick=True)
    one, other = load(folder).tokenizer, load(tmp_path / "mended").tokenizer
    text = "The quick brown fox. [x] 한국어"
    assert one.encode(text).ids == other.encode(text).ids


def test_a_dry_run_writes_nothing_and_says_what_the_rest_does(tmp_path):
    files = clean_pair("bert")
    cut_and_padded(files)
    files.model["pad_token_id"] = 1
    folder = files.write(tmp_path / "broken")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    planned = fix(folder, quick=True)
    assert planned.output == planned.backup == ""
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]
    done = fix(folder, output=tmp_path / "new", quick=True)
    assert done.changes == planned.changes
    assert "config.json: pad_token_id 1 → 0" in [change.what for change in done.changes]


def test_in_place_keeps_the_old_files_beside_and_the_weights_as_they_are(tmp_path):
    files = clean_pair("bert")
    cut_and_padded(files)
    folder = files.write(tmp_path / "broken")
    old, weights = (folder / "tokenizer.json").read_bytes(), (folder / "model.safetensors").read_bytes()
    mended = fix(folder, in_place=True, quick=True)
    assert mended.backup == str(tmp_path / "broken.backup")
    assert [path.name for path in (tmp_path / "broken.backup").iterdir()] == ["tokenizer.json"]
    assert (tmp_path / "broken.backup" / "tokenizer.json").read_bytes() == old
    assert (folder / "model.safetensors").read_bytes() == weights
    assert json.loads((folder / "tokenizer.json").read_text())["truncation"] is None
    assert fix(folder, in_place=True, quick=True).backup == ""  # nothing to mend, nothing to keep


def test_a_second_backup_does_not_take_the_place_of_the_first(tmp_path):
    files = clean("bert")
    cut_and_padded(files)
    for place in ("broken.backup", "broken.backup-2"):
        folder = files.write(tmp_path / "broken")
        assert fix(folder, in_place=True, quick=True).backup == str(tmp_path / place)


def test_a_model_elsewhere_is_mended_in_its_place_only(tmp_path):
    files = clean_pair("bert")
    files.model["pad_token_id"] = 1
    model = files.write(tmp_path / "model")
    tokenizer = clean("bert").write(tmp_path / "tokenizer")
    assert fix(tokenizer, model=model, output=tmp_path / "new", quick=True).changes == ()
    mended = fix(tokenizer, model=model, in_place=True, quick=True)
    assert json.loads((model / "config.json").read_text())["pad_token_id"] == 0
    assert mended.backup == str(tmp_path / "model.backup")
    assert not (tmp_path / "tokenizer.backup").exists()


def test_a_fixed_id_is_the_one_of_the_file(tmp_path):
    files = clean("bert")
    files.raw["added_tokens"].append(
        {"id": 500, "content": "<end>", "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
    )  # fmt: skip
    fix(files.write(tmp_path / "broken"), output=tmp_path / "new", quick=True)
    assert Tokenizer.from_file(str(tmp_path / "new" / "tokenizer.json")).token_to_id("<end>") == 500


def test_what_is_in_the_way_is_not_replaced_without_force(tmp_path):
    folder = clean("bert").write(tmp_path / "folder")
    with pytest.raises(FileError, match="exists already"):
        fix(folder, output=folder, quick=True)


def test_a_bare_file_is_refused_with_the_command_that_makes_a_folder(tmp_path):
    folder = clean("bert").write(tmp_path / "folder")
    with pytest.raises(UsageError) as caught:
        fix(folder / "tokenizer.json", quick=True)
    assert "tokbench wrap" in caught.value.fix


def test_a_link_out_of_the_folder_is_refused_and_not_copied(tmp_path):
    folder = clean("bert").write(tmp_path / "tok")
    (folder / "added.txt").symlink_to("/proc/self/environ")
    with pytest.raises(FileError, match=r"added\.txt is a link to /proc/"):
        fix(folder, output=tmp_path / "mended", quick=True)
    assert not (tmp_path / "mended").exists()


def test_what_is_left_of_a_turn_that_generation_did_not_end_is_a_note(tmp_path):
    [case] = [case for case in CASES if case.code == "TB806"]
    fix(case.files.write(tmp_path / "broken"), output=tmp_path / "mended", quick=True)
    [left] = [each for each in check(tmp_path / "mended", quick=True).findings if each.code == "TB806"]
    assert left.severity == "note"
    assert json.loads((tmp_path / "mended" / "config.json").read_text())["eos_token_id"] == [0, 1]
