"""Bytes to disk and back: atomic writes, the user cache, JSON files, the hub, library errors in words."""
