"""Every public name shows an example that runs."""

import doctest
import inspect
import sys

import pytest

import tokbench as tb

# Names whose examples are still to be written; none of the others may lose its own.
PENDING = {"Result", "TokbenchError", "add_tokens", "errors", "report", "resize", "result_html", "same"}
NAMES = [name for name in tb.__all__ if name != "__version__"]


def examples_of(name):
    found = getattr(tb, name)
    module = found if inspect.ismodule(found) else sys.modules[found.__module__]
    text = inspect.getdoc(found) or ""
    return doctest.DocTestParser().get_doctest(text, dict(vars(module)), name, module.__file__, 0)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_names_example_runs(name):
    parts = examples_of(name)
    assert parts.examples or name in PENDING, f"tb.{name} shows no example"
    said = []
    runner = doctest.DocTestRunner()
    runner.run(parts, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def test_a_name_without_an_example_is_a_public_one():
    assert set(NAMES) >= PENDING
