"""Every command that reads a corpus reads it wherever it comes from, and finds the same in it."""

import io
import json
import shutil
import tarfile
import zipfile

import pytest

from tests.cli.conftest import ENGLISH

pa = pytest.importorskip("pyarrow")
datasets = pytest.importorskip("datasets")
TEXT = "\n".join(ENGLISH) + "\n"


def zipped(folder):
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/a.txt", TEXT)
    return "a.zip"


def tarred(folder):
    with tarfile.open(folder / "a.tgz", "w:gz") as archive:
        info = tarfile.TarInfo("in/a.txt")
        info.size = len(TEXT)
        archive.addfile(info, io.BytesIO(TEXT.encode()))
    return "a.tgz"


def arrow(folder):
    table = pa.table({"text": ENGLISH})
    with pa.OSFile(str(folder / "a.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return "a.arrow"


def saved(folder):
    datasets.DatasetDict({"train": datasets.Dataset.from_dict({"text": ENGLISH})}).save_to_disk(
        folder / "saved"
    )
    return "saved"


def named(folder):
    (folder / "named").mkdir()
    (folder / "named/train.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in ENGLISH))
    return "hf:named"


def url(folder):
    shutil.copy(folder / "a.txt", folder / "b.txt")
    return f"file://{folder}/b.txt"


KINDS = [zipped, tarred, arrow, saved, named, url]


@pytest.fixture
def plain(tmp_path, tokbench):
    (tmp_path / "a.txt").write_text(TEXT)
    assert tokbench("train-bpe", "a.txt", "-v", "300", "-o", "plain", "-q").code == 0
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_is_the_same_wherever_its_corpus_comes_from(kind, plain, tokbench):
    said = tokbench("train-bpe", kind(plain), "-v", "300", "-o", "made", "-q")
    assert said.code == 0, said.err
    made, wanted = (json.loads((plain / name / "tokbench.json").read_text()) for name in ("made", "plain"))
    assert made["tokenizer_json_sha256"] == wanted["tokenizer_json_sha256"]
    assert made["corpus"]["sha256"] == wanted["corpus"]["sha256"]


@pytest.mark.parametrize("kind", KINDS)
def test_counts_ids_and_measures_are_the_same_too(kind, plain, tokbench):
    source = kind(plain)
    for name, corpus in (("one", "a.txt"), ("two", source)):
        said = tokbench("count", corpus, "-o", f"{name}.parquet", "-q")
        assert said.code == 0, said.err
        said = tokbench("encode", "plain", "--file", corpus, "-o", f"{name}.jsonl", "-q")
        assert said.code == 0, said.err
    assert (plain / "one.jsonl").read_text() == (plain / "two.jsonl").read_text()
    said = [
        json.loads(tokbench("count", each, "-o", "c.parquet", "-f", "--json").out)
        for each in ("a.txt", source)
    ]
    assert said[0]["fingerprint"] == said[1]["fingerprint"]
    compared = [
        json.loads(tokbench("compare", "plain", "--corpus", each, "--json").out) for each in ("a.txt", source)
    ]
    assert compared[0]["results"][0]["tokens"] == compared[1]["results"][0]["tokens"]


@pytest.mark.parametrize("kind", [zipped, named])
def test_an_extension_is_the_same_too(kind, plain, tokbench):
    for name, corpus in (("one", "a.txt"), ("two", kind(plain))):
        said = tokbench("extend", "plain", corpus, "--tokens", "5", "-o", name, "-q")
        assert said.code == 0, said.err
    assert (plain / "one/tokenizer.json").read_bytes() == (plain / "two/tokenizer.json").read_bytes()
