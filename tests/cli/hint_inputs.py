"""The files that the command lines of the hints read: sound ones, and ones with one fault each."""

import json
import os
import shutil
from base64 import b64encode
from pathlib import Path

import pytest

from tests.cli.conftest import ENGLISH
from tests.cli.hint_models import make_models, make_pair, make_runs
from tests.finetuning.conftest import HEADERS, ROWS, write_file
from tokbench.__main__ import main
from tokbench.finetuning.tasks import TASKS
from tokbench.training.counting.store import KEY, open_writer

pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

TEXT = "\n".join(ENGLISH) + "\n"
KOREAN = "빛나는 조개껍데기를 한 소년이 바닷가에서 찾았다\n" * 60

FILES = {
    "corpus.txt": TEXT,
    "sub/english.txt": TEXT,
    "table.csv": "body,stars\n" + "".join(f'"{line}",5\n' for line in ENGLISH),
    "semicolons.csv": "body;stars\n" + "".join(f"{line[:9]};5\n" for line in ENGLISH),
    "table.json": '[{"body": "one"}]',
    "named/train.jsonl": "".join(json.dumps({"text": line}) + "\n" for line in ENGLISH),
    "values.jsonl": "".join(json.dumps({"body": line, "stars": 5}) + "\n" for line in ENGLISH),
    "rows.csv": "text,stars,number,same,hidden\n"
    + "".join(f"{line[:9]},{at % 2},{at},1,{at % 3 - 1}\n" for at, line in enumerate(ENGLISH)),
    "words.csv": "text,name,three\n"
    + "".join(f"{line[:9]},{'xyz'[at % 3] * (at + 1)},{'abc'[at % 3]}\n" for at, line in enumerate(ENGLISH)),
    "readings.csv": "premise,hypothesis,text,label\n"
    + "".join(f"{line[:9]},{line[9:18]},{line[:9]},{at % 2}\n" for at, line in enumerate(ENGLISH)),
    "alike.csv": "text,stars\n" + "".join(f"{line[:9]},1\n" for line in ENGLISH),
    "gaps.csv": "text,stars\n,1\n" + "".join(f"{line[:9]},{at % 2}\n" for at, line in enumerate(ENGLISH)),
    "unseen.csv": "text,stars\n" + "".join(f"\u200b,{at % 2}\n" for at in range(20)),
    "many.txt": "".join(f"zebra{at}\n" for at in range(131)),
    "zebras.txt": "".join(f"the zebra of house {at} sleeps\n" for at in range(20)),
    "row.csv": "text,stars\na,1\n",
    "score.csv": "text,score\na,1.5\n",
    "sets.jsonl": "".join(
        json.dumps({"text": line[:9], "sets": ["a", "b"][at % 3 :]}) + "\n" for at, line in enumerate(ENGLISH)
    ),
    "parted.tsv": "text\tsets\n"
    + "".join(f"{line[:9]}\ta{';b' * (at % 2)}\n" for at, line in enumerate(ENGLISH)),
    "scores.csv": "text,score\n" + "".join(f"{line[:9]},{at / 2}\n" for at, line in enumerate(ENGLISH)),
    "sentence.conll": "Paris\tB-LOC\nsings\tO\n",
    "tags.conll": "Paris\tB-LOC\nsings\tO\n\n" * 20,
    "plain.conll": "Paris\tLOC\nsings\tO\n\n" * 20,
    "mixed.conll": "Paris\tB-LOC\nsings\tsong\nand\tO\n\n" * 20,
    "either.conll": "".join(f"Paris\tB-LOC\tx{at}\nsings\tO\tx{at}\n\n" for at in range(20)),
    "wide.conll": "".join(f"w\tl{at}\n\n" for at in range(900)),
    "small.conll": "Paris\tb-loc\nsings\tO\n\n" * 20,
    "case.conll": "Paris\tLOC\nRome\tloc\nsings\tO\n\n" * 20,
    "flat.csv": "text,score,other\n"
    + "".join(f"{line[:9]},1.5,{at / 2}\n" for at, line in enumerate(ENGLISH)),
    "wordy.csv": "text,label,other\n"
    + "".join(f"{line[:9]},{'abc' * 400},{at % 2}\n" for at, line in enumerate(ENGLISH)),
    "same.jsonl": "".join(
        json.dumps({"text": line[:9], "sets": ["a"], "others": ["a", "b"][at % 2 :]}) + "\n"
        for at, line in enumerate(ENGLISH)
    ),
    "many.jsonl": "".join(
        json.dumps(
            {"text": line[:9], "sets": [f"l{at}-{n}" for n in range(99)], "others": ["a", "b"][at % 2 :]}
        )
        + "\n"
        for at, line in enumerate(ENGLISH)
    ),
    "strings.json": '["one", "two"]',
    "columns.json": json.dumps(
        {"text": [line[:9] for line in ENGLISH], "stars": [at % 2 for at, _ in enumerate(ENGLISH)]}
    ),
    "lists.json": json.dumps(
        {
            name: [{"text": line[:9], "stars": at % 2} for at, line in enumerate(ENGLISH)]
            for name in ("train", "dev")
        }
    ),
    "numbers.txt": "1 2 3\n4 5\n",
    "far.txt": "1 2 3\n99999\n",
    "locked/a.txt": TEXT,
    "sub/locked.txt": TEXT,
    "slip.json": '[{"content": "zebra", "normalised": true}]',
    "choices.toml": "epohcs = 1\n",
    "own.tiktoken": "".join(f"{b64encode(bytes([at])).decode()} {at}\n" for at in range(256)),
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
    "unmade": {"model": WORDS | {"vocab": {"[UNK]": 0, "a": 1, "b": 2}}},
    "empty": {"model": WORDS | {"vocab": {}}},
}


CARD = """---
configs:
- config_name: wnli
  data_files:
  - split: train
    path: rows.csv
---
"""


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
    _write_glue(folder)
    _make()


def _write_odd_ones(folder):
    """Files that are not UTF-8, not whole, no files, or elsewhere."""
    (folder / "utf16.txt").write_bytes(TEXT.encode("utf-16"))
    (folder / "latin1.txt").write_bytes(("un café fermé, " + TEXT).encode("latin-1"))
    (folder / "cp949.txt").write_bytes(KOREAN.encode("cp949"))
    (folder / "nul.txt").write_bytes(TEXT.encode().replace(b"clocks", b"clo\0cks"))
    (folder / "damaged.txt").write_bytes(KOREAN.encode()[:600] + b"\xff\n" + KOREAN.encode())
    (folder / "cut.txt").write_bytes(KOREAN.encode() + "한".encode()[:2])
    (folder / "latin1.conll").write_bytes("café\tB-LOC\nsings\tO\n\n".encode("latin-1") * 20)
    (folder / "dangling.txt").symlink_to("gone.txt")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    (folder / "linked").mkdir()
    (folder / "linked" / "tokenizer.json").symlink_to(folder / "words" / "tokenizer.json")


def _spoil_counts():
    """Files of counts with one fault each."""
    whole = Path("counts.parquet").read_bytes()
    Path("cut").write_bytes(whole[: len(whole) // 2])
    table, facts = (
        pq.read_table("counts.parquet"),
        json.loads(pq.read_metadata("counts.parquet").metadata[KEY]),
    )
    for name, told, change in (
        ("negative", facts, -1),
        ("silent", {key: each for key, each in facts.items() if key != "corpus"}, 1),
        ("changed", facts, 2),
    ):
        counts = pa.array([each * change for each in table["count"].to_pylist()], table["count"].type)
        with Path(name).open("wb") as file, open_writer(file) as writer:
            writer.write_table(table.set_column(1, table.schema.field("count"), counts))
            writer.add_key_value_metadata({KEY: json.dumps(told).encode()})


def _retell(name, **told):
    """A trained tokenizer with another record."""
    shutil.copytree("tok", name)
    record = Path(name) / "tokbench.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | told))


def _write_glue(folder):
    """Official files of some tasks, those of SST-2 with a fault each; a hub's copy without all splits."""
    for place in ("glue", "latin", "blank", "hidden"):
        for name in ("rte", "sst2", "mnli", "wnli") if place == "glue" else ("sst2",):
            task, where = TASKS[name], folder / place / TASKS[name].folder
            where.mkdir(parents=True)
            for file in ("train.tsv", *(split.file for split in task.evaluation)):
                write_file(where / file, name, ROWS[name] * 6)
            for test in task.tests:
                rows = [row[:-1] for row in ROWS[name]]
                lines = ["index\t" * (name == "sst2") + "\t".join(HEADERS[name][:-1])]
                lines += ["\t".join([str(at)] * (name == "sst2") + row) for at, row in enumerate(rows)]
                (where / test.file).write_text("\n".join(lines) + "\n")
    (folder / "glue/diagnostic").mkdir()
    (folder / "glue/diagnostic/diagnostic.tsv").write_text("index\tsentence1\tsentence2\n0\ta\tb\n")
    (folder / "latin/SST-2/train.tsv").write_bytes("sentence\tlabel\nun café\t1\nsans\t0\n".encode("latin-1"))
    (folder / "blank/SST-2/train.tsv").write_text("sentence\tlabel\n")
    (folder / "hidden/SST-2/train.tsv").write_text("sentence\tlabel\na\t-1\n")
    hub = folder / "nyu-mll/glue"
    hub.mkdir(parents=True)
    (hub / "rows.csv").write_text("sentence1,sentence2,label,idx\na,b,1,0\n")
    (hub / "README.md").write_text(CARD)


def _make():
    """What tokbench, transformers and pyarrow write."""
    pq.write_table(pa.table({"body": ENGLISH, "stars": [5] * len(ENGLISH)}), "numbers.parquet")
    pq.write_table(pa.table({"body": ENGLISH, "sets": [["a"]] * len(ENGLISH)}), "lists.parquet")
    for made in (
        "train-bpe corpus.txt -v 300 -o tok -q",
        "train-wordpiece corpus.txt -v 300 -o pair -q",
        "train-bpe corpus.txt -v 300 -o sub/tok -q",
        "count corpus.txt -o counts.parquet -q",
        "count corpus.txt -o empty.parquet --min-count 9999 -q",
    ):
        assert main(made.split()) == 0
    _spoil_counts()
    shutil.copytree("tok", "unrecorded", ignore=shutil.ignore_patterns("tokbench.*"))
    _retell("away", corpus={"sources": ["away.txt"], "sha256": ""})
    _retell("rare", counts={"fingerprint": "", "words": 9, "min_count": 2})
    make_pair()
    assert main(["add-tokens", "pair", "--token", "zebra", "-o", "grown"]) == 0
    assert main(["prune", "tok", "corpus.txt", "-o", "pruned"]) == 0
    assert main(["add-tokens", "pair", "--token-file", "many.txt", "-o", "outgrown"]) == 0
    shutil.copytree("pair", "my pair")
    config = json.loads(Path("my pair/config.json").read_text())
    Path("my pair/config.json").write_text(json.dumps(config | {"pad_token_id": 3}))


def write_models():
    """What takes training or many classes of transformers: other models, and runs."""
    make_models()
    make_runs()
