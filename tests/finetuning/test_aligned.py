"""What `encode --labels` shows is what finetune trains on, row by row."""

import pytest
from transformers import PreTrainedTokenizerFast

import tokbench as tb
from tokbench.finetuning.data.tagging import read_tagged
from tokbench.finetuning.data.tokenize import tokenize_rows

WORDS = [
    ("Ann", "B-PER"), ("Lee", "I-PER"), ("saw", "O"), ("(", "O"), ("Oslo's", "B-LOC"), ("\u00a0", "O"),
    ("harbour", "O"), ("\u2009", "O"), ("한국은행", "B-ORG"), ("e\u0301te\u0301", "O"), ("x" * 40, "O"),
]  # fmt: skip
CHARACTERS = [(unit, "O") for unit in "서울 은맑다 a"]
CHARACTERS[:2] = [("서", "B-LC"), ("울", "I-LC")]
FILES = {"words": [WORDS, WORDS[:3], WORDS[4:]], "characters": [CHARACTERS, CHARACTERS[3:]]}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("algorithm", ["bert", "gpt2", "unigram"])
@pytest.mark.parametrize("label_all_pieces", [False, True])
def test_labels_stand_where_finetune_puts_them(kind, algorithm, label_all_pieces, tmp_path):
    path = tmp_path / "train.conll"
    lines = ["".join(f"{unit}\t{label}\n" for unit, label in row) for row in FILES[kind]]
    path.write_text("\n".join(lines), encoding="utf-8")
    trained = tb.train(["Ann Lee saw Oslo 서울은 맑다"] * 9, algorithm, vocab_size=320)
    wrapper = PreTrainedTokenizerFast(tokenizer_object=trained.tokenizer)
    read = read_tagged(path, dev=None, all_pieces=label_all_pieces)
    encoded = tokenize_rows(wrapper, read.rows["train"], max_length=24, task=read.task)
    trained.tokenizer.no_truncation()
    for row in range(len(FILES[kind])):
        found = tb.align_labels(trained, path, row=row + 1, max_length=24, label_all_pieces=label_all_pieces)
        span = slice(encoded.starts[row], encoded.starts[row + 1])
        assert list(found.ids) == encoded.ids[span].tolist()
        assert list(found.label_ids) == encoded.labels[span].tolist()
        assert [label for label in found.labels if label] == [
            read.task.labels[each] for each in found.label_ids if each != -100
        ]
