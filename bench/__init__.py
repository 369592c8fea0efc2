"""Benchmarks: Imageyard and its yardstick side by side in one run, told as ratios."""
