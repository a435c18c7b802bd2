"""Every result shows and saves itself: in a line, in a notebook, as JSON, as a table."""

import dataclasses
import json

import pytest

import tokbench as tb
from tokbench.reporting.json_results import KINDS, PAGELESS, read_result, type_of
from tokbench.results import LINE, Result, as_json

TEXTS = ["the cat sat on the mat", "the cats sat on <b>mats</b>", "a cat is not a mat"] * 9


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tb.train(TEXTS, "wordpiece", vocab_size=60, output=tmp_path_factory.mktemp("made") / "tok")


@pytest.fixture(scope="module")
def results(trained):
    return (
        trained,
        tb.info(trained),
        tb.encode(trained, "the <b>cats"),
        tb.trace(trained, "cats"),
        tb.check(str(trained.path)),
        tb.same(trained, trained),
    )


def subclasses(of=Result):
    for each in of.__subclasses__():
        yield each
        yield from subclasses(each)


def test_a_repr_is_one_short_line(results):
    for each in results:
        assert "\n" not in repr(each)
        assert len(repr(each)) <= LINE
        assert repr(each).startswith(type(each).__name__ + "(")


def test_a_repr_says_values_while_there_is_room(trained):
    encoded = tb.encode(trained, "cat")
    assert f"ids={list(encoded.ids)}" in repr(encoded)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_type_that_a_page_shows_is_a_result_of_that_kind(kind):
    found = type_of(kind)
    for each in getattr(found, "__args__", (found,)):
        assert issubclass(each, Result)
        assert each.kind == kind
        assert each.__repr__ is Result.__repr__


def test_every_result_has_a_kind_that_json_names_and_fields_for_its_table():
    import tokbench.reporting.pages  # noqa: F401  (its Page is a result too)

    for each in subclasses():
        if each.__module__.startswith("tokbench."):
            assert each.kind in {*KINDS, *PAGELESS}, each
            fields = {field.name for field in dataclasses.fields(each)}
            assert {each.table} <= fields or set(each.table) <= fields, each


def test_json_is_what_the_command_prints_and_is_read_back(results, tmp_path):
    for each in results:
        path = tmp_path / f"{each.kind}.json"
        path.write_text(each.to_json(), encoding="utf-8")
        assert json.loads(each.to_json()) == {"schema": f"tokbench/{each.kind}/1", **each.to_dict()}
        assert read_result(path)[1].to_json() == each.to_json()


def test_the_commands_print_that_json(trained, tmp_path, capsys):
    from tokbench.__main__ import main

    saved = tb.train(TEXTS, "wordpiece", vocab_size=60, output=tmp_path / "tok")
    for words, result in (
        (["encode", str(saved.path), "the cats"], tb.encode(saved, "the cats")),
        (["trace", str(saved.path), "the cats"], tb.trace(str(saved.path), "the cats")),
        (["check", str(saved.path)], tb.check(str(saved.path))),
        (["same", str(saved.path), str(saved.path)], tb.same(str(saved.path), str(saved.path))),
    ):
        capsys.readouterr()
        assert main([*words, "--json"]) == 0
        assert capsys.readouterr().out == result.to_json() + "\n"


def test_a_notebook_shows_the_elements_of_the_page_with_texts_escaped(results, trained):
    for each in results:
        shown = each._repr_html_()
        assert shown.startswith('<div class="tokbench">')
        assert "<script" not in shown
    assert "<b>" not in tb.encode(trained, "the <b>cats")._repr_html_()
    assert 'class="chip special"' in tb.encode(trained, "the cats")._repr_html_()


def test_tables_become_data_frames(trained):
    pytest.importorskip("pandas")
    frame = tb.trace(trained, "the cats").to_pandas()
    assert list(frame["id"]) == list(tb.encode(trained, "the cats").ids)
    assert list(tb.encode(trained, "the cats").to_pandas()["ids"]) == list(frame["id"])
    with pytest.raises(tb.TokbenchError, match="TokenizerInfo is no table"):
        tb.info(trained).to_pandas()


def test_a_class_says_the_version_of_its_keys():
    class Newer(Result, kind="trained", version=3):
        pass

    assert Newer.version == 3
    assert json.loads(as_json({"a": 1}, "trained", version=3)) == {"schema": "tokbench/trained/3", "a": 1}
