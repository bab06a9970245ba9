"""Local stand-ins of the systems crmhealth talks to: they behave, and misbehave, like the originals.

Start them alone, so that any client can be pointed at them:

    python -m sandbox --json    # prints one line: {"salesforce": url, "hubspot": url, …, "control": url}

or inside a test:

    from sandbox.server import run_in_thread

    with run_in_thread() as running:
        running.urls["salesforce"], running.urls["hubspot"], running.control, running.core

Ports, the control API, fault scripts and switches are described in `docs/sandbox.md`. The sandbox imports
none of the other packages: what shares code with the program shares its mistakes.
"""
