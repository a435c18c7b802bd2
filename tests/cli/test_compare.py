"""compare and sweep as people type them."""

import json
from pathlib import Path

import pytest

from tokbench.corpus.samples import shipped

KOREAN = [
    "등대지기에게는 시계가 두 개 있었다.",
    "그중 하나만 맞았다.",
    "이슬은 내리지 않는다.",
    "배는 한 달에 한 번.",
]


@pytest.fixture
def korean(tmp_path):
    """The corpus of the fixture line by line in Korean."""
    (tmp_path / "ko.txt").write_text("\n".join(KOREAN * 20) + "\n", encoding="utf-8")
    return Path("ko.txt")


@pytest.fixture
def made(tokbench, corpus):
    """Two tokenizers, as folders."""
    assert tokbench("train-bpe", corpus, "-v", 300, "-o", "bytes", "-q").code == 0
    assert tokbench("train-wordpiece", corpus, "-v", 150, "-o", "pieces", "-q").code == 0
    return "bytes", "pieces"


def test_compare_tells_each_tokenizer_on_each_corpus(tokbench, made, corpus, korean):
    said = tokbench("compare", *made, "--corpus", corpus, "--corpus", korean, "--max-length", 20, "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["schema"] == "tokbench/comparison/1"
    assert [each["name"] for each in told["tokenizers"]] == ["bytes", "pieces"]
    assert [each["name"] for each in told["corpora"]] == ["corpus", "ko"]
    assert [(each["corpus"], each["tokenizer"]) for each in told["results"]] == [
        (corpus, tokenizer) for corpus in ("corpus", "ko") for tokenizer in made
    ]
    first = told["results"][0]
    assert sum(texts for _, _, texts in first["lengths"]["bars"]) == told["corpora"][0]["texts"] == 80
    assert first["lengths"]["max_length"] == 20
    assert first["ranks"][0][0] == 1
    assert first["probe"]["round_trip"]["exact"] == 1.0


def test_compare_is_read_in_words(tokbench, made, corpus, korean):
    said = tokbench("compare", *made, "--corpus", korean, "--corpus", corpus)
    assert said.code == 0, said.err
    assert said.out.startswith("ko: bytes writes it whole and shortest")
    assert "% of pieces" in said.out.splitlines()[0]
    rows = [line.split("\t") for line in said.out.splitlines()]
    assert ["ko", "bytes", "0%", "100%", "100%"] in [row[:5] for row in rows]


def test_a_page_of_a_comparison_has_its_curves(tokbench, made, corpus, korean, tmp_path):
    words = ("--corpus", corpus, "--corpus", korean)
    assert tokbench("compare", *made, *words, "--html", "page.html", "-q").code == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 4
    (tmp_path / "saved.json").write_text(tokbench("compare", *made, *words, "--json").out, encoding="utf-8")
    assert tokbench("report", "saved.json", "-o", "report.html").code == 0
    assert "texts that fit a length" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_parity_compares_parallel_lines(tokbench, made, corpus, korean):
    said = tokbench("compare", "bytes", "--parallel", corpus, "--parallel", korean)
    assert said.code == 0, said.err
    [row] = [line.split("\t") for line in said.out.splitlines() if line.startswith("bytes")]
    assert row[1] == "1"
    assert float(row[2]) == pytest.approx(0.8693)  # fewer letters, more bytes a letter
    assert "80 parallel lines" in said.out


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["bytes"], "nothing to compare on", "--corpus"),
        (["corpus.txt", "--corpus", "corpus.txt"], "holds texts", "--corpus corpus.txt"),
        (["bites", "--corpus", "corpus.txt"], "bites is no folder", "did you mean bytes"),
        (["bytes", "--corpus", "missing.txt"], "missing.txt", ""),
        (["bytes", "--parallel", "corpus.txt"], "two files or more", "--parallel"),
        (["bytes", "--parallel", "corpus.txt", "--parallel", "ko.txt"], "fewer lines", "line 7"),
        (["absent.model", "--corpus", "corpus.txt"], "no SentencePiece model", ""),
    ],
)
def test_what_cannot_be_compared_is_said_with_what_helps(words, message, hint, tokbench, made, tmp_path):
    (tmp_path / "ko.txt").write_text("하나\n", encoding="utf-8")
    said = tokbench("compare", *words)
    assert said.code == 2
    assert message in said.err
    assert hint in said.err
    assert said.out == ""


def test_sweep_shows_the_curve_and_keeps_what_is_asked(tokbench, corpus, tmp_path):
    said = tokbench(
        "sweep", corpus, "--sizes", "280:380:+30", "--keep", 310, "-o", "sizes", "--hidden", 10, "--json"
    )
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["schema"] == "tokbench/sweep/1"
    assert [point["asked"] for point in told["points"]] == [280, 310, 340, 370]
    assert [point["embedding_parameters"] for point in told["points"]] == [2800, 3100, 3400, 3700]
    assert told["trainings"] == 1
    assert told["kept"] == ["sizes/310"]
    assert tokbench("train-bpe", corpus, "-v", 310, "-o", "alone", "-q").code == 0
    one, two = (tmp_path / name / "tokenizer.json" for name in ("sizes/310", "alone"))
    assert one.read_bytes() == two.read_bytes()
    assert tokbench("check", "sizes/310").code == 0


def test_sweep_says_what_to_take_and_why(tokbench):
    said = tokbench("sweep", shipped("english.txt"), "--sizes", "300:2400:x2", "--recipe", "gpt2")
    assert said.code == 0, said.err
    headline, why, *_ = said.out.splitlines()
    assert headline.startswith("bpe: take ")
    assert why.startswith("From 300 to ")
    assert "\t←" in said.out


def test_sweep_of_unigram_says_that_it_trains_each_size(tokbench, corpus):
    said = tokbench("sweep", corpus, "--sizes", "90,120", "--recipe", "unigram")
    assert said.code == 0, said.err
    assert "2 trainings: unigram does not nest" in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sizes", "many"], "says no sizes"),
        (["--sizes", "10,300"], "leave 10 out"),
        (["--recipe", "bp"], "there is no recipe bp"),
        (["--keep", "all"], "need a folder"),
        (["--keep", "999", "-o", "sizes"], "none of the sizes"),
        (["-o", "sizes"], "say which: --keep all"),
        (["--hidden", "0"], "hidden"),
    ],
)
def test_what_cannot_be_swept_is_said(words, message, tokbench, corpus, tmp_path):
    said = tokbench("sweep", corpus, *(() if "--sizes" in words else ("--sizes", "300,320")), *words)
    assert said.code == 2
    assert message in said.err
    assert not (tmp_path / "sizes").exists()


def test_a_model_tells_bits_per_byte_of_its_tokenizer(tokbench, made, corpus, tmp_path):
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=512, n_embd=8, n_layer=1, n_head=1, n_positions=32)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path / "lm")
    words = ("compare", *made, "--corpus", corpus, "--model", f"pieces={tmp_path / 'lm'}")
    said = tokbench(*words, "--json")
    assert said.code == 0, said.err
    first, second = json.loads(said.out)["results"]
    assert first["bits_per_byte"] is None
    assert 0 < second["bits_per_byte"] * second["bytes_per_token"] < 2 * 9  # log2 512, untrained
    said = tokbench(*words)
    assert f"corpus\tpieces\t{tmp_path / 'lm'}\t{second['bits_per_byte']:.3f}" in said.out


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (("a", "b", "c"), "--model c belongs to no tokenizer: there are 2"),
        (("a", "bytes=b"), "bytes has two models, a and b"),
        (("bytes=",), "--model bytes= belongs to no tokenizer"),
        (("./nowhere",), "there is no model folder at ./nowhere"),
    ],
)
def test_a_model_that_belongs_to_no_tokenizer_is_refused(models, words, tokbench, made, corpus, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said = tokbench("compare", *made, "--corpus", corpus, *(f"--model={model}" for model in models))
    assert said.code == 2
    assert words in said.err
