# SPDX-License-Identifier: BSD-2-Clause
"""Covering sets: few rows in which every pair of values of two columns occurs."""
import itertools


def pairs(row):
    """The pairs of values in a row, each with the columns they stand in."""
    return set(itertools.combinations(enumerate(row), 2))


def covering_set(*columns):
    """Rows, the ones with most new pairs first, so that the beginning alone covers much; always the same ones."""
    candidates = [(row, pairs(row)) for row in itertools.product(*columns)]
    missing = set().union(*(p for _, p in candidates))
    uses = {cell: 0 for row, _ in candidates for cell in enumerate(row)}
    rows = []
    while missing:
        row, new = max(candidates, key=lambda c: (len(c[1] & missing), -sum(uses[cell] for cell in enumerate(c[0]))))
        missing -= new
        rows.append(row)
        for cell in enumerate(row):
            uses[cell] += 1
    return rows
