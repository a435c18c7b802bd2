"""Writers for every format and compression, made with the libraries that others use to write them."""

import bz2
import csv
import gzip
import io
import json
import lzma

import pytest

from tokbench.corpus.reading import open_corpus

PACK = {"": bytes, "gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}


def as_txt(texts):
    return "".join(f"{text}\n" for text in texts).encode()


def as_csv(texts):
    table = io.StringIO(newline="")
    csv.writer(table).writerows([["id", "text"], *([i, text] for i, text in enumerate(texts))])
    return table.getvalue().encode()


def as_tsv(texts):
    return "".join(
        f"{one}\t{two}\n" for one, two in [("text", "label"), *((text, 1) for text in texts)]
    ).encode()


def as_json(texts):
    return json.dumps([{"id": 1, "text": text} for text in texts], indent=1).encode()


def as_jsonl(texts):
    return "".join(json.dumps({"text": text, "id": 1}, ensure_ascii=False) + "\n" for text in texts).encode()


def as_parquet(texts):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"id": [1] * len(texts), "text": list(texts)}), file)
    return file.getvalue()


WRITERS = {
    "txt": as_txt,
    "csv": as_csv,
    "tsv": as_tsv,
    "json": as_json,
    "jsonl": as_jsonl,
    "parquet": as_parquet,
}


def pack(data, compression):
    if compression == "zst":
        return pytest.importorskip("zstandard").compress(data)
    return PACK[compression](data)


def texts_of(*paths, **options):
    """All texts and the facts of one pass."""
    corpus = open_corpus(paths, **options)
    texts = [text for batch in corpus for text in batch]
    return texts, corpus.facts
