"""A customer base that lives: who the customers are, what becomes of them, and what the systems see of it."""

from sandbox.world.world import Fate, World

__all__ = ["Fate", "World"]
