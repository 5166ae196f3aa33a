"""What is measured beyond training: latency, maps, transfer and evaluation, which know nothing of each other.

Here live the measurements themselves, tasks that say what they cost and return JSON-ready results with their source.
Neither plans nor profiles (study), nor tables and drawings (report).
"""
