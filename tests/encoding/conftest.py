"""The tokenizers and folders that the tests of the package before have."""

from tests.pretrained.conftest import folder, kind, kinds, make_folder

__all__ = ["folder", "kind", "kinds", "make_folder"]
