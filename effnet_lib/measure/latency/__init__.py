"""How long a network takes for one image on one core of a CPU (Table 4), and how quiet the machine was meanwhile.

Here live groups of networks, their process, the runtimes, calibrated random weights and the machine's counters.
No statistics of times, which are `stats.speedup`'s, and no import of torch before a process is pinned.
"""
