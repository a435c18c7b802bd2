"""Build tokenizers, look inside them, grow them with their models, check what breaks, prove that it works."""

__version__ = "0.1.0"
