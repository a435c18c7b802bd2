"""Words in, one public function called, one result shown: the only package that knows Typer."""
