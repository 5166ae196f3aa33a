"""Records as data frames: what a figure draws, a notebook shows and a CSV holds.

Here live the columns of every table, each with its unit, and what the paper prints beside ours.
No matplotlib, and nothing that a drawing alone needs.
"""
