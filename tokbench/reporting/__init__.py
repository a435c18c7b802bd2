"""Results in, terminal, JSON, HTML, SVG and SARIF out; computes nothing."""
