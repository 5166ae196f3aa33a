"""Stored records as what a reader sees: tables (CSV) and, made from them, figures.

Here live rows, columns, axes and labels; the same records give the same bytes.
Nothing here measures, trains or judges: numbers come from `runs`, intervals and verdicts from `stats`.
"""
