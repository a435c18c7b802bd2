"""The files that the command lines of the hints read: sound ones, and ones with one fault each."""

import json
import os
import shutil
from pathlib import Path

import pytest
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

from tests.cli.conftest import ENGLISH
from tests.cli.hint_scenarios import SST2
from tokbench.__main__ import main
from tokbench.io.quiet import quiet

TEXT = "\n".join(ENGLISH) + "\n"
KOREAN = "빛나는 조개껍데기를 한 소년이 바닷가에서 찾았다\n" * 60

FILES = {
    "corpus.txt": TEXT,
    "sub/english.txt": TEXT,
    "table.csv": "body,stars\n" + "".join(f'"{line}",5\n' for line in ENGLISH),
    "semicolons.csv": "body;stars\n" + "".join(f"{line[:9]};5\n" for line in ENGLISH),
    "table.json": '[{"body": "one"}]',
    "values.jsonl": "".join(json.dumps({"body": line, "stars": 5}) + "\n" for line in ENGLISH),
    "rows.csv": "text,stars,number,same,hidden\n"
    + "".join(f"{line[:9]},{at % 2},{at},1,-1\n" for at, line in enumerate(ENGLISH)),
    "row.csv": "text,stars\na,1\n",
    "score.csv": "text,score\na,1.5\n",
    "scores.csv": "text,score\n" + "".join(f"{line[:9]},{at / 2}\n" for at, line in enumerate(ENGLISH)),
    "sentence.conll": "Paris\tB-LOC\nsings\tO\n",
    "tags.conll": "Paris\tB-LOC\nsings\tO\n\n" * 20,
    "slip.json": '[{"content": "zebra", "normalised": true}]',
    "choices.toml": "epohcs = 1\n",
    "older/vocab.txt": "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]),
    "chat/chat_template.jinja": "{{ raise_exception('only user') }}",
    "chat/talk.json": '[{"role": "oracle", "content": "a"}]',
}
BPE = 'algorithm = "bpe"\nvocab_size = 300\n'
WORDPIECE = 'algorithm = "wordpiece"\nvocab_size = 300\n'
RECIPES = {
    "block": BPE + 'normalizers = ["Lowecase"]',
    "option": BPE + 'pre_tokenizers = [{type = "ByteLevel", pefix = 1}]',
    "key": 'algorithm = "bpe"\nvocab_sise = 300',
    "algorithm": 'algorithm = "bpee"\nvocab_size = 300',
    "value": 'algorithm = "bpe"\nvocab_size = "many"',
    "words": 'algorithm = "wordlevel"\nvocab_size = 300\nspecial_tokens = {unk = "[UNK]"}',
    "other": BPE + 'normalizers = ["Lowercase"]',
    "table": BPE + "trainer = 3",
    "untyped": BPE + 'normalizers = [{pattern = "a"}]',
    "refused": BPE + 'normalizers = [{type = "Replace", regex = "(", content = "a"}]',
    "role": WORDPIECE + 'special_tokens = {unkn = "[UNK]"}',
    "options": WORDPIECE + 'special_tokens = {unk = "[UNK]"}\ntoken_options = {"[UNC]" = {lstrip = true}}',
    "template": WORDPIECE
    + 'special_tokens = {unk = "[UNK]", cls = "[CLS]", sep = "[SEP]"}\n'
    + 'post_processor = {type = "TemplateProcessing", single = "[CLZ] $A [SEP]",'
    + ' pair = "[CLS] $A [SEP] $B [SEP]"}',
}
WORDS = {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}
FLAGS = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
TEXT_HERE = {"Sequence": {"id": "A", "type_id": 0}}
BEYOND = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}}, TEXT_HERE],
    "pair": [TEXT_HERE, {"Sequence": {"id": "B", "type_id": 0}}],
    "special_tokens": {"[X]": {"id": "[X]", "ids": [99_999], "tokens": ["[X]"]}},
}
TWENTYFOLD = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 20}
TOKENIZERS = {
    "words": {"model": WORDS | {"vocab": {"a": 0}}},
    "my words": {"model": WORDS | {"vocab": {"a": 0}}},
    "holes": {"model": WORDS | {"vocab": {"a": 0, "[UNK]": 20_000}}},
    "otherid": {"model": WORDS, "added_tokens": [{"content": "[X]", "id": 7, "special": True, **FLAGS}]},
    "beyond": {"model": WORDS, "post_processor": BEYOND},
    "grows": {"model": WORDS, "normalizer": {"type": "Sequence", "normalizers": [TWENTYFOLD] * 7}},
    "chat": {"model": WORDS},
}


def write_inputs(folder):
    """All of them, in the folder that is the current one."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    for name, recipe in RECIPES.items():
        (folder / f"{name}.toml").write_text(recipe + "\n")
    for name, parts in TOKENIZERS.items():
        (folder / name).mkdir(exist_ok=True)
        blank = dict.fromkeys(("normalizer", "pre_tokenizer", "post_processor", "decoder"))
        written = {"version": "1.0", "added_tokens": [], **blank, **parts}
        (folder / name / "tokenizer.json").write_text(json.dumps(written))
    _write_odd_ones(folder)
    _make()


def _write_odd_ones(folder):
    """Files that are not UTF-8, not whole, no files, or elsewhere."""
    (folder / "utf16.txt").write_bytes(TEXT.encode("utf-16"))
    (folder / "latin1.txt").write_bytes(("un café fermé, " + TEXT).encode("latin-1"))
    (folder / "cp949.txt").write_bytes(KOREAN.encode("cp949"))
    (folder / "nul.txt").write_bytes(TEXT.encode().replace(b"clocks", b"clo\0cks"))
    (folder / "damaged.txt").write_bytes(KOREAN.encode()[:600] + b"\xff\n" + KOREAN.encode())
    (folder / "cut.txt").write_bytes(KOREAN.encode() + "한".encode()[:2])
    (folder / "dangling.txt").symlink_to("gone.txt")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    (folder / "linked").mkdir()
    (folder / "linked" / "tokenizer.json").symlink_to(folder / "words" / "tokenizer.json")


def _make():
    """What tokbench, transformers and pyarrow write."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"text": ENGLISH})
    with pa.OSFile("table.arrow", "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    pq.write_table(pa.table({"body": ENGLISH, "stars": [5] * len(ENGLISH)}), "numbers.parquet")
    for made in (
        "train-bpe corpus.txt -v 300 -o tok -q",
        "train-wordpiece corpus.txt -v 300 -o pair -q",
        "train-bpe corpus.txt -v 300 -o sub/tok -q",
        "count corpus.txt -o counts.parquet -q",
        "count corpus.txt -o empty.parquet --min-count 9999 -q",
    ):
        assert main(made.split()) == 0
    small = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_hidden_layers": 1}
    few = {"n_embd": 8, "n_head": 1, "n_layer": 1, "n_positions": 32}
    with quiet():
        BertForMaskedLM(BertConfig(vocab_size=300, **small)).save_pretrained("pair")
        for name, rows in (("few", 100), ("gpt", 300)):
            GPT2LMHeadModel(GPT2Config(vocab_size=rows, **few)).save_pretrained(name)
    assert main(["add-tokens", "pair", "--token", "zebra", "-o", "grown"]) == 0
    shutil.copytree("pair", "my pair")
    config = json.loads(Path("my pair/config.json").read_text())
    Path("my pair/config.json").write_text(json.dumps(config | {"pad_token_id": 3}))
    train = SST2.partition("--fast-dev-run")[0].split()
    assert main(["finetune", *train, "--epochs", "20", "-o", "trained", "-q"]) == 0
