"""Running the sandbox: alone, in a thread, and under rough clients."""

import ast
import gzip
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import sandbox
from sandbox.server import SYSTEMS, Running, run_in_thread
from tests.sandbox.worlds import ACME

FOLDER = Path(sandbox.__file__).parent


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_alone_says_where_and_stops_cleanly(number: signal.Signals) -> None:
    command = [sys.executable, "-W", "error", "-m", "sandbox", "--json", "--accounts", "5", "--seed", "3"]
    with subprocess.Popen(
        [*command, "--now", "2026-05-04T08:00:00Z", "--frozen-clock"],
        cwd=FOLDER.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as started:  # fmt: skip
        assert started.stdout is not None
        where = json.loads(started.stdout.readline())
        with httpx.Client() as client:
            status = client.get(f"{where['control']}/status").json()
            accounts = client.get(
                f"{where['control']}/salesforce/records", params={"object": "Account"}
            ).json()
            started.send_signal(number)
            _rest, errors = started.communicate(timeout=20)

    assert list(where) == [*SYSTEMS, "control"]
    assert status["now"] == "2026-05-04T08:00:00+00:00"
    assert status["urls"] == {name: where[name] for name in SYSTEMS}
    assert len(accounts["records"]) == 5
    assert (started.returncode, errors) == (0, "")


def test_ports_can_be_chosen_and_a_taken_one_is_an_error() -> None:
    with run_in_thread() as first:
        taken = urlsplit(first.urls["salesforce"]).port or 0
        with pytest.raises(OSError), run_in_thread(ports={"hubspot": taken}):
            pass

    with run_in_thread(ports={"hubspot": taken}, systems=["hubspot"]) as second:
        assert second.urls == {"hubspot": f"http://127.0.0.1:{taken}"}


def test_a_client_that_dies_while_sending_changes_nothing(salesforce: httpx.Client, running: Running) -> None:
    split = urlsplit(running.urls["salesforce"])
    head = (
        f"PATCH /services/data/v66.0/sobjects/Account/{ACME} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {salesforce.headers['Authorization']}\r\nContent-Length: 1000\r\n\r\n"
    )

    with socket.create_connection((split.hostname, split.port)) as connection:
        connection.sendall(head.encode() + b'{"Type"')

    assert salesforce.get(f"/sobjects/Account/{ACME}").json()["Type"] == "Customer"
    assert running.core.log.count("salesforce", "write") == 0


def test_compressed_and_chunked_bodies_are_read(salesforce: httpx.Client) -> None:
    compressed = salesforce.patch(
        f"/sobjects/Account/{ACME}",
        content=gzip.compress(b'{"Type": "Other"}'),
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
    )
    chunked = salesforce.patch(
        f"/sobjects/Account/{ACME}",
        content=iter([b'{"Segment__c"', b': "SMB"}']),
        headers={"Content-Type": "application/json"},
    )

    found = salesforce.get(f"/sobjects/Account/{ACME}").json()
    assert (compressed.status_code, chunked.status_code) == (204, 204)
    assert (found["Type"], found["Segment__c"]) == ("Other", "SMB")


def test_it_imports_none_of_our_packages() -> None:
    ours = {"connectors", "scoring", "sync", "state", "crmhealth"}
    imported = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).partition(".")[0])

    assert "starlette" in imported
    assert imported & ours == set()
