"""Print the accuracy of runs made with the compiled kernels beside that of the same runs made without.

    .venv/bin/python benchmarks/kernel_pairs.py WITH WITHOUT

Both are folders of records (results/records, figures/published/records); a record says itself which it is. Of one key
everything is the same but rounding, which the first steps of a training make as large as another seed does: so the
mean difference should hold 0, and its spread is that of two seeds.
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy import stats

from effnet_lib.runs.run_store import RunRecord, parse_record


def runs(folder: Path, kernels: bool) -> dict[str, RunRecord]:
    """Return key -> record of a folder's trainings that were made with kernels, or without; nothing is set aside."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json")))
    found = (parse_record(text) for text in texts if "kind" not in json.loads(text))
    return {one.key: one for one in found if bool(one.provenance.get("kernels")) == kernels}


def main(given: str, without: str) -> int:
    """Print a line a pair and their mean difference; exit code 1 where there are fewer than two pairs."""
    compiled, plain = runs(Path(given), True), runs(Path(without), False)
    pairs = [(compiled[key], plain[key]) for key in sorted(compiled.keys() & plain.keys())]
    if len(pairs) < 2:
        print(f"{len(compiled)} runs with kernels and {len(plain)} without have {len(pairs)} keys in common, not 2")
        return 1
    print("| run | with, % | without, % | difference | of 100 images both have alike |\n|---|---|---|---|---|")
    for one, other in pairs:
        alike = 100 * np.mean(np.asarray(one.correct, bool) == np.asarray(other.correct, bool))
        print(f"| {one.key[:8]} | {one.top1:.2f} | {other.top1:.2f} | {one.top1 - other.top1:+.2f} | {alike:.1f} |")
    differences = np.array([one.top1 - other.top1 for one, other in pairs])
    mean, error = differences.mean(), differences.std(ddof=1) / np.sqrt(len(pairs))
    half = stats.t.ppf(0.975, len(pairs) - 1) * error
    print(
        f"\n{len(pairs)} pairs: {mean:+.2f} points (95 % interval {mean - half:+.2f} to {mean + half:+.2f}), "
        f"standard deviation of a difference {differences.std(ddof=1):.2f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
