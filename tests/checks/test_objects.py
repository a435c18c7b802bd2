"""Objects are checked and fixed as the folders that they would be saved to."""

import pytest
import tokenizers
from transformers import AutoTokenizer, BertConfig, BertModel

from tokbench.checks.fix import fix
from tokbench.checks.run import check
from tokbench.errors import UsageError
from tokbench.io.quiet import quiet
from tokbench.pretrained.folder import load
from tokbench.pretrained.train import train
from tokbench.reporting.json_results import read_result

from .cases import cut_and_padded
from .folders import clean

CORPUS = ["the cat sat on the mat", "the cats sat on mats"] * 9


@pytest.fixture(scope="module")
def trained():
    return train(CORPUS, "wordpiece", vocab_size=60)


def damaged(place):
    files = clean("bert")
    cut_and_padded(files)
    return files.write(place)


def codes(checkup):
    return {finding.code for finding in checkup.findings}


def test_a_tokenizer_of_transformers_is_checked_as_its_folder(tmp_path):
    folder = clean("bert").write(tmp_path / "tok")
    with quiet():
        found = check(AutoTokenizer.from_pretrained(folder))
    assert found.passed
    assert "TB601" in found.checked
    assert found.tokenizer.startswith(("BertTokenizer", "PreTrainedTokenizer", "TokenizersBackend"))
    assert not any("tokbench-" in each.message + each.fix for each in found.findings)


def test_of_a_library_tokenizer_the_rules_of_other_files_say_that_they_did_not_look(tmp_path):
    tokenizer = tokenizers.Tokenizer.from_file(str(clean("bert").write(tmp_path) / "tokenizer.json"))
    tokenizer.enable_truncation(8)
    found = check(tokenizer)
    assert "an object" in found.skipped["TB601"]
    assert "TB101" in found.checked
    assert tokenizer.truncation["max_length"] == 8  # it is nobody's to change


def test_what_was_trained_is_checked_before_it_is_saved_as_after(trained, tmp_path):
    saved = train(CORPUS, "wordpiece", vocab_size=60, output=tmp_path / "tok")
    before, after = check(trained), check(saved)
    assert (before.checked, codes(before)) == (after.checked, codes(after))
    assert check(load(saved)).tokenizer == after.tokenizer == str(tmp_path / "tok")


def test_a_model_object_is_checked_with_its_tokenizer(trained):
    def sized(rows):
        small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
        return BertModel(BertConfig(vocab_size=rows, pad_token_id=0, **small))

    fitting, small = check(trained, sized(trained.reached)), check(trained, sized(7))
    assert fitting.model == small.model == "BertModel"
    assert "TB401" in fitting.checked
    assert fitting.passed
    assert "TB401" in codes(small)
    assert not any("tokbench-" in each.message + each.fix for each in small.findings)


def test_texts_in_memory_are_looked_at_as_those_of_a_file(trained, tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(["the cat", "ein Zug"]))
    given, read = (
        check(trained, data=data).survey for data in (["the cat", "ein Zug"], tmp_path / "texts.txt")
    )
    assert given.name == "texts"
    assert (given.texts, given.unknown, given.tokens) == (read.texts, read.unknown, read.tokens)
    assert check(trained, data=iter(["the cat"])).survey.texts == 1


def test_a_checkup_is_fixed_into_an_output(tmp_path):
    folder = damaged(tmp_path / "tok")
    checkup = check(folder, quick=True)
    assert checkup.findings
    report = fix(checkup, tmp_path / "fixed")
    assert report.changes
    assert "TB608" in codes(checkup) - codes(check(tmp_path / "fixed", quick=True))
    again = tmp_path / "checkup.json"
    again.write_text(checkup.to_json(), encoding="utf-8")
    assert fix(read_result(again)[1], quick=True).changes == report.changes


def test_what_was_ignored_in_a_checkup_is_not_looked_at_by_its_fix(tmp_path):
    folder = damaged(tmp_path / "tok")
    code = check(folder, quick=True).findings[0].code
    report = fix(check(folder, quick=True, ignore=[code]))
    assert code in report.before.skipped
    assert code in report.after.skipped


def test_an_object_is_fixed_into_an_output_and_nowhere_else(trained, tmp_path):
    report = fix(check(trained, quick=True), tmp_path / "fixed")
    assert (report.tokenizer, report.output) == ("Trained", str(tmp_path / "fixed"))
    assert check(tmp_path / "fixed", quick=True).passed
    with pytest.raises(UsageError, match="what is in memory"):
        fix(check(trained, quick=True), in_place=True)
    with pytest.raises(UsageError, match="only a folder is fixed"):
        fix(trained.tokenizer, tmp_path / "other")
