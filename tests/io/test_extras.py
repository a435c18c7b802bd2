"""A package that is not installed is named with the extra that brings it."""

import pytest

from tokbench.errors import MissingExtraError
from tokbench.io.extras import has, require


def test_what_is_installed_is_asked_for_in_silence():
    assert has("json")
    require("json", extra="data", what="reading")


def test_what_is_missing_is_named_as_the_registry_calls_it():
    assert not has("no_such_package")
    with pytest.raises(MissingExtraError) as caught:
        require("no_such_package", extra="train", what="finetune", named="no-such-package")
    assert caught.value.message == "finetune needs the package no-such-package, which is not installed"
    assert caught.value.fix == "pip install 'tokbench[train]'"
