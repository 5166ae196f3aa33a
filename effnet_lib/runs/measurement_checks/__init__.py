"""What a measurement of each kind must be: its spec and its result, field by field; a module for each group of kinds.

The checks stand with the records and not with what measures, so that a file is judged alike whoever reads it. A kind
without one is kept for whoever made it up, and does not ship.
"""

from collections.abc import Callable
from typing import Any

from . import evaluation, labelled, latency, maps, search, transfer

Check = Callable[[dict[str, Any], dict[str, Any]], None]

# Each takes spec and result, and raises StoreError in one line that names the value.
CHECKS: dict[str, Check] = {
    "latency": latency.group,
    "probe": transfer.probe,
    "finetune": transfer.fine_tuning,
    "finetune-trial": transfer.trial,
    "cam": maps.network,
    "cam pictures": maps.thumbnails,
    "cam photograph": maps.photograph,
    "cam row": labelled.credited_photograph,
    "cam faithfulness": labelled.faithfulness,
    "evaluation": evaluation.evaluation,
    "search": search.table_search,
}
