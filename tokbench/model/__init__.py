"""Weights and configs in, resized rows out; knows shapes (V, H) and initializers, no texts."""
