"""Inputs that nobody thought of, by the thousand and in one process: parameters, commands, records, image files.

Each kind has a module with a `strategy` of inputs and a `check` of one: it returns "taken" or "refused", and whatever
it raises is a fault. `python -m support.fuzzing --seconds 600` tries all kinds and prints the counts.
"""
