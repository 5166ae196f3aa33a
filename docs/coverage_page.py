"""Write docs/coverage.md from what `make coverage` measured, and hold it to the bars.

`python docs/coverage_page.py REPORT`, which `coverage json` writes. Exit code 1 where less than 90 % of all lines ran,
where a file has less than 75 % and no reason below, or where a reason is no longer needed; the page is written all the
same.
"""

import datetime
import json
import platform
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from effnet_lib.core.atomic_write import write_aside
from effnet_lib.core.hardware import cpu_count, processor_name

HERE = Path(__file__).parent
PAGE = HERE / "coverage.md"
ALL, FILE = 90.0, 75.0  # percent of lines
BEGIN, END = "<!-- coverage: written by `make coverage` -->", "<!-- /coverage -->"
# Files that may stay below: the beginning of their path, and why.
SLOW = "make test-slow"
REASONS: dict[str, str] = {
    "effnet_lib/training/fast/kernels/": "numba compiles it to machine code, which tests/training/fast compares",
    "effnet_lib/runs/executors/ray_": f"runs on the nodes of a Ray cluster, which {SLOW} starts (tests/runs)",
    "effnet_lib/training/distributed.py": f"runs in processes that torchrun starts, in {SLOW} (tests/training)",
    "effnet_lib/measure/latency/runtimes.py": f"{SLOW} runs a network in each (tests/measure/test_latency.py)",
    "effnet_lib/measure/maps/network_maps.py": f"{SLOW} maps a trained network (tests/artefacts/test_fig7.py)",
    "effnet_lib/measure/maps/evaluation_images.py": f"{SLOW} maps a trained network (tests/artefacts/test_fig7.py)",
    "effnet_lib/apps/explore/pictures.py": f"{SLOW} maps a picture by published weights (tests/apps/test_explore.py)",
}

Summary = Mapping[str, Any]


def share(summary: Summary, what: str = "lines") -> float:
    """Return the percentage of a summary's lines or branches that ran; 100 where there are none."""
    names = {"lines": ("covered_lines", "num_statements"), "branches": ("covered_branches", "num_branches")}
    ran, there = (summary[name] for name in names[what])
    return 100 * ran / there if there else 100.0


def reason(path: str) -> str:
    """Return why a file may stay below; "" where there is no reason."""
    return next((words for beginning, words in REASONS.items() if path.startswith(beginning)), "")


def below(report: Mapping[str, Any]) -> dict[str, float]:
    """Return the files with less than 75 % of their lines, and how much they have."""
    found = {path: share(one["summary"]) for path, one in sorted(report["files"].items())}
    return {path: percent for path, percent in found.items() if percent < FILE}


def faults(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield in words what does not meet the bars."""
    if (percent := share(report["totals"])) < ALL:
        yield f"{percent:.1f} % of all lines ran; at least {ALL:g} % have to"
    low = below(report)
    for path, percent in low.items():
        if not reason(path):
            yield f"{path}: {percent:.1f} % of its lines ran, and docs/coverage_page.py has no reason for it"
    for beginning in REASONS:
        if not any(path.startswith(beginning) for path in low):
            yield f"{beginning}: it needs no reason any more"


def tables(report: Mapping[str, Any], made: str) -> str:
    """Return what stands between the page's markers.

    Args:
        made: When and where it was measured.
    """
    totals, packages = report["totals"], defaultdict(lambda: defaultdict(int))
    for path, one in report["files"].items():
        for name in ("covered_lines", "num_statements", "covered_branches", "num_branches"):
            packages[Path(path).parts[1] if len(Path(path).parts) > 2 else "effnet_lib"][name] += one["summary"][name]
    rows = [
        f"| {name} | {one['num_statements']:,} | {share(one):.1f} % | {share(one, 'branches'):.1f} % |"
        for name, one in sorted(packages.items())
    ]
    low = [f"| `{path}` | {percent:.0f} % | {reason(path)} |" for path, percent in below(report).items()]
    return "\n".join(
        [
            f"**{share(totals):.1f} % of {totals['num_statements']:,} lines** and {share(totals, 'branches'):.1f} % of "
            f"{totals['num_branches']:,} branches ran, {made}.",
            "",
            "| package | lines | of them ran | branches that ran |",
            "|---|---|---|---|",
            *rows,
            "",
            *(
                ["| file below 75 % | lines that ran | why |", "|---|---|---|", *low]
                if low
                else ["No file is below 75 %."]
            ),
        ]
    )


def renewed(text: str, middle: str) -> str:
    """Return a page's text with what stands between its markers replaced."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{middle}\n{END}{rest.partition(END)[2]}"


def main(path: str) -> int:
    """Write the page from a report; say what does not meet the bars."""
    report = json.loads(Path(path).read_text(encoding="utf-8"))
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    made = f"`make coverage`, {today}, Python {platform.python_version()}, {cpu_count()} cores of {processor_name()}"
    write_aside(PAGE, renewed(PAGE.read_text(encoding="utf-8"), tables(report, made)).encode())
    found = list(faults(report))
    print("\n".join([f"{share(report['totals']):.1f} % of the lines ran: docs/coverage.md", *found]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
