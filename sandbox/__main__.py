"""`python -m sandbox`: start the stand-ins alone and run until SIGTERM or SIGINT."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from sandbox.clock import instant
from sandbox.server import SYSTEMS, Listener, make_core
from sandbox.world import World


def main(arguments: Sequence[str] | None = None) -> int:
    """Start, say where, serve."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="Local stand-ins of CRMs and sources."
    )
    for name in SYSTEMS:
        parser.add_argument(
            f"--{name}-port", type=int, default=None, help="0 (the default) takes any free port"
        )
    parser.add_argument("--port-base", type=int, default=0, help="first port; the others follow in order")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything that chance decides")
    parser.add_argument("--accounts", type=int, default=0, help="how many customer accounts to begin with")
    parser.add_argument(
        "--warehouse", type=Path, default=None, help="SQLite file for the accounts' daily usage"
    )
    parser.add_argument("--now", type=instant, default=None, help="simulated instant to start at (ISO 8601)")
    parser.add_argument("--frozen-clock", action="store_true", help="the clock moves only when told to")
    parser.add_argument("--json", action="store_true", help="print one line of JSON when listening")
    options = parser.parse_args(arguments)
    ports = {}
    for offset, name in enumerate(SYSTEMS):
        given = getattr(options, f"{name}_port")
        following = options.port_base + offset if options.port_base else 0
        ports[name] = following if given is None else given
    core = make_core(now=options.now, frozen_clock=options.frozen_clock, seed=options.seed)
    if options.accounts:
        World(
            seed=options.seed,
            accounts=options.accounts,
            start=core.clock.now(),
            warehouse=options.warehouse,
        ).populate(core)
    elif options.warehouse:
        parser.error("--warehouse needs --accounts")
    listener = Listener(core, ports)
    # Who reads where it listens may stop it at once, before uvicorn minds these signals itself; afterwards
    # uvicorn raises them again, when there is nothing left to stop.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: listener.stop())
    running = listener.running
    where = {**running.urls, "control": running.control}
    if options.warehouse:
        where["warehouse"] = str(options.warehouse.resolve())
    if options.json:
        sys.stdout.write(orjson.dumps(where).decode() + "\n")
    else:
        sys.stdout.writelines(f"{name:12}{url}\n" for name, url in where.items())
    sys.stdout.flush()
    listener.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
