"""What every package needs: errors, paths, files that are whole or not there, signals, the machine.

Nothing of networks, data or statistics, and nothing of this library but this package itself is imported here.
"""
