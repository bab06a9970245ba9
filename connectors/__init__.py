"""Reads remote systems. Keeps no state, decides nothing. A new source is one module in this folder."""
