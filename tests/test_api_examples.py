"""Every public name shows an example that runs."""

import doctest
import inspect
import sys

import pytest

import tokbench as tb

NAMES = [name for name in tb.__all__ if name != "__version__"]


def examples_of(name):
    found = getattr(tb, name)
    module = found if inspect.ismodule(found) else sys.modules[found.__module__]
    text = inspect.getdoc(found) or ""
    return doctest.DocTestParser().get_doctest(text, dict(vars(module)), name, module.__file__, 0)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_names_example_runs(name):
    parts = examples_of(name)
    assert parts.examples, f"tb.{name} shows no example"
    said = []
    runner = doctest.DocTestRunner()
    runner.run(parts, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
