"""The demonstration, small: it is the program itself, so what it shows must hold."""

import signal
import subprocess
import sys

import pytest

from crmhealth.cli import main


@pytest.mark.timeout(240)
def test_the_demonstration_shows_what_it_promises(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["demo", "--accounts", "120", "--weeks", "3"])

    shown = capsys.readouterr().out
    assert code == 0
    assert "First publication, a baseline without tasks" in shown
    assert "one task each" in shown
    assert "Salesforce, tasks with this key (1)" in shown
    assert "HubSpot, company" in shown
    assert "has 0 write calls to make" in shown


@pytest.mark.timeout(240)
def test_what_is_kept_running_can_be_looked_at_with_the_commands_it_prints() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "crmhealth", "demo", "--keep", "--accounts", "60", "--weeks", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip())
            if "Stop with" in line:
                break
        printed = next(line for line in lines if "crmhealth status" in line)
        words = printed[printed.index(" status ") :].split()
        looked = subprocess.run(
            [sys.executable, "-m", "crmhealth", *words], capture_output=True, text=True, check=False
        )
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

    assert looked.returncode == 0
    assert "Bands:" in looked.stdout
    assert code == 0
