"""How a typed program uses the public API; `mypy` checks that each call has the type said here."""

from pathlib import Path
from typing import Any, assert_type

import tokbench as tb
from tokbench.adapt.growth import Growth
from tokbench.analysis.compare import Comparison
from tokbench.checks.findings import Checkup
from tokbench.checks.same import Sameness
from tokbench.encoding.encode import Encoded, EncodedBatch
from tokbench.pretrained.folder import TokenizerFolder
from tokbench.pretrained.info import TokenizerInfo
from tokbench.reporting.pages import Page


def build(texts: list[str]) -> TokenizerFolder:
    """From texts to a folder."""
    trained = tb.train(texts, "wordpiece", vocab_size=4000, output="my-tok")
    assert_type(trained, tb.Trained)
    assert_type(trained.path, Path | None)
    assert_type(tb.recipe("bert", vocab_size=900), tb.Recipe)
    folder = tb.load(trained)
    assert_type(folder, TokenizerFolder)
    return folder


def look(folder: TokenizerFolder) -> None:
    """One text is one result, several are a sequence of them."""
    assert_type(tb.encode(folder, "a text"), Encoded)
    assert_type(tb.encode(folder, ["a text", "another"]), EncodedBatch)
    assert_type(tb.decode(folder, [1, 2]).text, str)
    assert_type(tb.info(folder), TokenizerInfo)
    assert_type(tb.info(folder).to_dict(), dict[str, Any])
    assert_type(tb.compare(["a", "b"], ["corpus.txt"]), Comparison)


def grow_and_check(folder: TokenizerFolder) -> None:
    """Growth is checked, and reported."""
    grown = tb.add_tokens(folder, tokens=["COVID"], special=["[E1]"], output="grown")
    assert_type(grown, Growth)
    found = tb.check("grown")
    assert_type(found, Checkup)
    assert_type(found.passed, bool)
    assert_type(tb.same("grown", folder), Sameness)
    assert_type(tb.report([grown, found], "grown.html"), Page)
    assert_type(found.to_json(), str)
