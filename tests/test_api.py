"""The public names are there, lazily, and nothing hides them."""

import inspect
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
import tokenizers

import tokbench as tb
from tokbench.results import as_json

TEXTS = ["the cat sat on the mat", "the cats sat on mats", "a cat is not a mat"] * 9
NAMES = [name for name in tb.__all__ if name != "__version__"]
OPTIONAL = "tokbench.finetuning.engines.lightning_engine"  # needs Lightning, which takes seconds to import


@pytest.fixture(scope="module")
def trained():
    return tb.train(TEXTS, "wordpiece", vocab_size=60)


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, tokbench; heavy = {'numpy', 'tokenizers', 'transformers', 'torch', 'typer', 'rich'};"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_no_module_hides_a_public_name():
    for each in walk_packages(tb.__path__, "tokbench."):
        if each.name not in ("tokbench.__main__", OPTIONAL):
            import_module(each.name)
    for name in {*tb.__all__} - {"errors", "__version__"}:
        found = getattr(tb, name)
        assert callable(found), name
        assert found.__name__ == name, name


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_documented_and_typed(name):
    found = getattr(tb, name)
    assert inspect.getdoc(found)
    stub = Path(tb.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    assert f"import {name} as {name}\n" in stub


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tb.nothing  # noqa: B018
    assert set(NAMES) <= set(dir(tb))
    assert {each.name for each in walk_packages(tb.__path__)} & set(NAMES) <= {"errors"}


def test_without_output_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tb.train(TEXTS, "bpe", vocab_size=280).path is None
    assert list(tmp_path.iterdir()) == []


def kinds_of_corpora(folder):
    path = folder / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    yield "path", path, None
    yield "name", str(path), None
    yield "names", [str(path)], None
    yield "texts", TEXTS, None
    yield "iterator", iter(TEXTS), None
    pyarrow = pytest.importorskip("pyarrow")
    yield "array", pyarrow.array(TEXTS), None
    yield "table", pyarrow.table({"t": TEXTS, "n": list(range(len(TEXTS)))}), "t"
    datasets = pytest.importorskip("datasets")
    yield "dataset", datasets.Dataset.from_dict({"t": TEXTS, "n": TEXTS}), "t"


def test_whatever_holds_the_texts_they_make_the_same_tokenizer(tmp_path):
    made = {
        name: tb.train(corpus, "wordpiece", vocab_size=60, column=column).sha256
        for name, corpus, column in kinds_of_corpora(tmp_path)
    }
    assert len(set(made.values())) == 1, made


def test_counted_words_stand_in_for_a_corpus(tmp_path, trained):
    pytest.importorskip("pyarrow")
    counted = tb.count_words(TEXTS, "wordpiece", output=tmp_path / "counts.parquet")
    assert tb.train(counted, "wordpiece", vocab_size=60).sha256 == trained.sha256
    words = {"the": 27, "cat": 18, "sat": 18, "on": 18, "mat": 18}
    assert tb.train(tb.WordCounts.of(words), "wordpiece", vocab_size=40).reached <= 40


def test_every_kind_of_tokenizer_is_taken(tmp_path):
    import transformers

    saved = tb.train(TEXTS, "wordpiece", vocab_size=60, output=tmp_path / "tok")
    kinds = (
        saved,
        str(saved.path),
        saved.path,
        tb.load(saved),
        saved.tokenizer,
        transformers.AutoTokenizer.from_pretrained(saved.path),
        tokenizers.Tokenizer.from_file(str(saved.path / "tokenizer.json")),
    )
    assert len({tb.encode(each, "the cats").ids for each in kinds}) == 1
    assert all(tb.same(saved, each).passed for each in kinds[1:4])
    with pytest.raises(tb.TokbenchError, match="no tokenizer"):
        tb.load(3)


def test_several_texts_give_several_results(trained):
    one, two = tb.encode(trained, ["the cat", "a mat"])
    assert (one, two) == (tb.encode(trained, "the cat"), tb.encode(trained, "a mat"))
    assert tb.decode(trained, one.ids, skip_special_tokens=True).text == "the cat"


def test_a_recipe_takes_numbers_and_tables():
    chosen = tb.recipe("bert", vocab_size=900, special=["[E1]"], trainer={"min_frequency": 3})
    assert (chosen.vocab_size, chosen.trainer["min_frequency"], chosen.tokens[-1]) == (900, 3, "[E1]")
    with pytest.raises(tb.TokbenchError, match="has no vocabsize"):
        tb.recipe("bert", vocabsize=900)


def test_results_are_those_of_the_commands(tmp_path, capsys):
    from tokbench.__main__ import main

    saved = tb.train(TEXTS, "wordpiece", vocab_size=60, output=tmp_path / "tok")
    capsys.readouterr()
    assert main(["info", str(saved.path), "--json"]) == 0
    assert capsys.readouterr().out == as_json(tb.info(str(saved.path)), "info") + "\n"
    assert main(["encode", str(saved.path), "the cats", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(as_json(tb.encode(saved, "the cats"), "encoded"))


def test_a_trace_is_of_one_text_of_two_or_beside_another(trained):
    assert tb.trace(trained, "cats").ids == tb.encode(trained, "cats").ids
    assert tb.trace(trained, "cats", pair="mats").ids == tb.encode(trained, "cats", pair="mats").ids
    assert tb.trace(trained, "cats", against=trained).stretches
    with pytest.raises(tb.TokbenchError, match="one text"):
        tb.trace(trained, "cats", pair="mats", against=trained)


def test_errors_carry_a_fix_and_an_exit_code():
    with pytest.raises(tb.TokbenchError) as raised:
        tb.recipe("wordpeice")
    assert "wordpiece" in raised.value.fix
    assert raised.value.exit_code == 2
    assert tb.errors.UsageError is import_module("tokbench.errors").UsageError


@pytest.mark.parametrize(
    "words", [["train-bpe", "nowhere", "-o", "t"], ["sweep", "nowhere", "--sizes", "300"]]
)
def test_a_commands_corpus_is_a_path_and_never_a_text(words, tmp_path, monkeypatch, capsys):
    from tokbench.__main__ import main

    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert "nowhere" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
