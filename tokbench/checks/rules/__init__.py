"""The rules of `tokbench check`, one file a subject; each file ends with its table RULES."""
