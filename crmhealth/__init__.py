"""The application: command line, configuration, wiring, daemon. The only place that prints, exits, reads the
environment or handles signals.
"""
