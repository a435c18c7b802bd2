import hashlib
import json

from tokbench.corpus.reading import CorpusFacts
from tokbench.pretrained.folder import save_folder
from tokbench.pretrained.train import record
from tokbench.recipes.recipe import Recipe

FACTS = CorpusFacts(sources=("/home/me/corpus.txt", "stdin"), texts=3, blank=1, utf8_bytes=40, sha256="ab")


def test_the_record_ties_the_corpus_to_the_file_that_is_written(folder, tmp_path):
    found = record(folder.tokenizer, Recipe(algorithm="wordpiece", vocab_size=500), FACTS)
    save_folder(folder.tokenizer, {}, tmp_path)
    assert found.sha256 == hashlib.sha256((tmp_path / "tokenizer.json").read_bytes()).hexdigest()
    facts = json.loads(found.text)
    assert facts["tokenizer_json_sha256"] == found.sha256
    assert facts["vocab_size"] == {"asked": 500, "reached": folder.tokenizer.get_vocab_size()}
    assert facts["corpus"] == {
        "sources": ["corpus.txt", "stdin"],
        "texts": 3,
        "blank": 1,
        "utf8_bytes": 40,
        "sha256": "ab",
    }
    assert facts["versions"].keys() == {"tokbench", "tokenizers"}


def test_neither_the_place_nor_the_day_is_in_it(folder):
    elsewhere = CorpusFacts(sources=("corpus.txt", "stdin"), texts=3, blank=1, utf8_bytes=40, sha256="ab")
    assert record(folder.tokenizer, Recipe(), FACTS) == record(folder.tokenizer, Recipe(), elsewhere)
