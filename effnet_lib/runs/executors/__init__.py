"""Where the runs of a sweep are executed: in this process, in worker processes, on the nodes of a Ray cluster.

Each module has `run(sweep)`; what to run, and what becomes of a result, is the sweep's and the store's.
"""
