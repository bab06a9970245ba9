"""A cycle that dies at any instant loses nothing and repeats nothing (a sample; `scripts/crashes` runs all)."""

import json
import subprocess
import sys

import pytest


@pytest.mark.timeout(200)
@pytest.mark.parametrize(("master", "every"), [("salesforce", 4), ("hubspot", 5)])
def test_after_a_death_the_next_cycle_makes_everything_right(master: str, every: int) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.crashes.harness"),
            *("--master", master, "--every", str(every), "--kills", "5"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    result = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout
    assert result["instants"] >= 10
    assert result["failures"] == 0


@pytest.mark.timeout(200)
def test_the_harness_notices_a_program_that_does_not_look_before_it_creates() -> None:
    program = (
        "import sync.crm.salesforce as gateway\n"
        "gateway.SalesforceCrm.find_tasks = lambda self, tasks: {}\n"
        "import sys; sys.argv = ['harness', '--kills', '0', '--only', 'POST']\n"
        "from tests.crashes.harness import main; sys.exit(main())\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "2 tasks with key" in done.stdout
