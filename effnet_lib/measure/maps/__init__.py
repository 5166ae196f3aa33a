"""Class activation maps (Figure 7), and how well they localise objects and explain decisions.

Here live the maps' definition and geometry, the images they are made of, the measures, and the tasks that apply them.
No intervals or verdicts, and no drawing: a result holds what a figure needs, without weights or data.
"""
