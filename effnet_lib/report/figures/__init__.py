"""The only drawers: tables and estimates as matplotlib figures in one style.

Here live panels, colours, markers, labels and footnotes; printed and measured values never share an axis.
Estimates and intervals come in as arguments: what a figure shows, a table or a claim has too.
"""
