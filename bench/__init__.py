"""Measurements: one module a question, each answered as a ratio of two things in one run.

`python -m bench` runs them all and rewrites bench/results.md. Figures of different runs or machines
are not comparable; ratios within a run are.
"""
