"""The architecture search that the paper's baseline came from, at proxy scale: spaces, searchers, what they evaluate.

A searcher knows a space of plain choices and scores, and no network; what is evaluated once is stored, and a search is
replayed from the store.
"""
