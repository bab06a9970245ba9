"""A second, slow implementation of the whole score in plain Python, to compare the fast one with.

It was written from the documents, not from the code beside it: one account at a time, with exact fractions where
weights meet thresholds. It imports from `scoring` only frozen values, and refuses polars and numpy; `comparing`
alone knows both sides. `models`, `worlds` and `histories` draw what to compare on.
"""
