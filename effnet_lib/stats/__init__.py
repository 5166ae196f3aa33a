"""Statistics of the study: intervals over seeds and images, regret, response surface, speedup, verdicts.

Numbers in, numbers out: no network, no record, no file and no figure is known here.
"""
