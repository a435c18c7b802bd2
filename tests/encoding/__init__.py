"""Tests of the pretrained room."""
