"""Room 5: a vocabulary and a model in, a model that fits out; knows rows and shapes (V, H), but no texts."""
