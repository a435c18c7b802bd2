"""Arrays in, arrays out: compiled loops, and how they are compiled, cached and loaded; knows bytes."""
