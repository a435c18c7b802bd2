"""Tests of the blocks room."""
