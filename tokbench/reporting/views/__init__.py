"""How each result is shown: one file a panel of commands, elements out."""
