"""Scores the example data sets and judges the scores against what became of the accounts, as a table.

    python -m examples.validate DATA EVALUATE [SET…]

DATA holds a folder per set with `dev/inputs` (what source systems would return) and `dev/labels` (the truth:
snapshots.csv.gz, or outcomes.csv.gz where there is one row per customer). EVALUATE is the program that compares
labels with scores and prints one JSON object. Of the labels, only that program sees more than the dates.
"""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from examples import score_files

SETS = ("oulad", "socialnet7", "crm5", "saasguard", "telco", "iran", "ravenstack")
HERE = Path(__file__).parent


def main(arguments: Sequence[str]) -> int:
    """Judge the sets that are asked for, or all, and print one line of a table for each."""
    if len(arguments) < 2:
        sys.stderr.write(__doc__ or "")
        return 2
    data, evaluate = Path(arguments[0]), Path(arguments[1])
    unknown = sorted(set(arguments[2:]) - set(SETS))
    if unknown:
        sys.stderr.write(f"no such set: {', '.join(unknown)}; there are {', '.join(SETS)}\n")
        return 2
    sys.stdout.write(
        "| set | rows | left | AUC (95 %) | top-decile lift | red: share, left (95 %) | yellow | green |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    for name in arguments[2:] or SETS:
        sys.stdout.write(line(name, judged(name, data / name / "dev", evaluate)))
        sys.stdout.flush()
    return 0


def judged(name: str, folder: Path, evaluate: Path) -> Mapping[str, Any]:
    """Score one set and give what the judge says."""
    snapshots = folder / "labels" / "snapshots.csv.gz"
    dated = ["--snapshots", str(snapshots)] if snapshots.exists() else []
    labels = snapshots if dated else folder / "labels" / "outcomes.csv.gz"
    with tempfile.TemporaryDirectory() as scratch:
        scores = Path(scratch) / "scores.csv"
        sys.stderr.write(f"{name} …\n")
        with redirect_stdout(StringIO()):
            config = HERE / name / "model.toml"
            code = score_files.main([str(config), str(folder / "inputs"), str(scores), *dated])
        if code:
            raise SystemExit(code)
        found = subprocess.run(
            [sys.executable, str(evaluate), str(labels), str(scores)],
            check=True,
            capture_output=True,
            text=True,
        )
    result: Mapping[str, Any] = json.loads(found.stdout)
    return result


def line(name: str, found: Mapping[str, Any]) -> str:
    """Write one line of the table."""
    low, high = found["auc_ci95"]
    bands = [
        _band(found["bands"][band], found["rows"]) if band in found["bands"] else "–"
        for band in ("red", "yellow", "green")
    ]
    cells = (
        name,
        f"{found['rows']:,}",
        f"{found['churned']:,}",
        f"{found['auc']:.3f} ({low:.3f}–{high:.3f})",
        f"{found['top_decile_lift']:.1f}",
        *bands,
    )
    return f"| {' | '.join(cells)} |\n"


def _band(band: Mapping[str, float], rows: int) -> str:
    """Write the share of a band and how many of it left, with the 95 % interval of Wilson."""
    n, rate, z = round(band["share"] * rows), band["churn_rate"], 1.96
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low, high = max(0.0, middle - half), middle + half
    return f"{band['share']:.1%}: {rate:.1%} ({low:.1%}–{high:.1%})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
