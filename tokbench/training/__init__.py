"""Room 2: texts in; word counts, merges and trained models out. Knows no blocks, recipes or folders."""
