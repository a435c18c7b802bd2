"""What must hold for every input: laws over random recipes and texts, and their fuzzer."""
