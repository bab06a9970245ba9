"""Measurements that are run by hand: how fast the score is, and how quiet. Nothing here is installed or timed in a test."""
