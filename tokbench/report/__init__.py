"""Results in, text out: the only room with rich, pages and plots; computes nothing."""
