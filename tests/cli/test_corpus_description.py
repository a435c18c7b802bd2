"""`corpus --describe` shows what is in a corpus, on the terminal, as JSON and as a page with pictures."""

import json

import pytest


@pytest.fixture
def mixed(tmp_path):
    lines = ["the cat can't sit", "the cat can't sit", "고양이가 앉았다", "e\u0301 soft\u00adhyphen"]
    (tmp_path / "a.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return "a.txt"


def test_a_corpus_is_described_and_nothing_is_written(tokbench, mixed, tmp_path):
    said = tokbench("corpus", mixed, "--describe", "-q")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "a.txt: 4 texts, 12 words"
    assert "words\t12, 8 different" in lines
    assert any(line.startswith("Hangul\t7\t") and line.endswith("\t1\tKorean") for line in lines)
    assert "U+00AD\tSOFT HYPHEN\t1" in lines
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_the_json_has_all_of_it_and_a_page_has_pictures(tokbench, mixed, tmp_path):
    said = tokbench("corpus", mixed, "--describe", "--json", "--html", "page.html")
    told = json.loads(said.out)
    assert told["schema"] == "tokbench/corpus_description/1"
    assert (told["texts"], told["distinct_texts"], told["repeated_bytes"]) == (4, 3, 17)
    assert told["loss"] is None
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 2
    assert "Korean" in page


def test_what_a_tokenizer_loses_is_told(tokbench, mixed):
    assert tokbench("train-wordpiece", mixed, "-v", "60", "-o", "tok", "-q").code == 0
    (loss,) = [
        json.loads(tokbench("corpus", mixed, "--describe", "--tokenizer", "tok", "--json").out)["loss"]
    ]
    assert [each["code_point"] for each in loss["most_dropped"]] == ["U+00AD"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--describe", "-o", "b.txt"), "--describe writes no corpus, and b.txt was named"),
        (("--describe", "--clean", "nfc"), "--describe looks at a corpus as it is"),
        (("--tokenizer", "tok"), "--tokenizer is for --describe"),
    ],
)
def test_what_does_not_go_with_it_is_refused(words, sentence, tokbench, mixed):
    said = tokbench("corpus", mixed, *words)
    assert said.code == 2
    assert f"Error: {sentence}" in said.err
