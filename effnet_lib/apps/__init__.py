"""What a person touches: the command line, execution of notebooks, publishing, export, gallery, exploration.

It parses, calls and words; nothing below imports it. What could serve a second caller belongs further down.
"""
