"""What people see while runs are trained: a live line in a terminal, an updating output in a notebook, lines in a log.

`standing` has the words, `face` what shows them, `here` which face this process shows; `relay` carries them from a
notebook's kernel to the terminal that waits for it.
"""
