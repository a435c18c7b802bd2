"""A model's vocabulary in, which of its tokens need which, and the order in which they can go, out."""
