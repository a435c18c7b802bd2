"""Words in, one call, one result shown: the only room that knows Typer."""
