"""Execute runs on a Ray cluster. Nodes train in a scratch folder of their own; only the driver writes to the store.

`effnet_lib` must be installed on every node. Data below the driver's EFFNET_DATA are looked for below each node's own;
any other folder must be at the same path everywhere.
"""

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import ModuleType

from filelock import Timeout

from ...core import paths, signals
from ...core.atomic_write import write_aside
from ...core.errors import EffnetError, ParameterError, StoreError, one_line
from ..run_spec import RunSpec
from ..run_store import RunStore, parse_record
from ..sweep_state import Sweep
from ..worker import BUSY, FAILED, PAUSED, STORED
from . import ray_node
from .processes import ENVIRONMENT, GLANCE, GRACE

HEARTBEAT = 10.0  # seconds between two looks at the nodes that there are
SURPLUS = 2  # runs submitted beyond the room that there is, so that no node waits for the driver
TRIES = 6  # a run whose worker or node was lost so often may be what kills them
ANSWER = 5.0  # seconds that a cluster has to answer; Ray itself would try for many minutes


def run(sweep: Sweep) -> None:
    """Execute a sweep's runs on the cluster that RAY_ADDRESS names, or on the one that runs on this machine.

    Raises:
        ParameterError: Before any work, where Ray or a cluster is missing, and for a device or a number of workers that
            a cluster does not take.
    """
    try:
        import ray
    except ImportError as error:
        raise ParameterError("executor", "ray", "the extra `cluster` (pip install 'effnet-lib[cluster]')") from error
    device, workers = sweep.options.execution.device, sweep.options.workers
    if device not in ("cpu", "cuda"):
        raise ParameterError("device", device, "cpu or cuda on a cluster, where Ray numbers the GPUs")
    if workers is not None and workers < 1:
        raise ParameterError("workers", workers, "a number above 0 on a cluster, or None for all that it has")
    with _connected(ray):
        _Pool(ray, sweep).run()


@contextlib.contextmanager
def _connected(ray: ModuleType) -> Iterator[None]:
    if ray.is_initialized():
        yield
        return
    polite = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(_address())
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        accepted = "a running cluster: `ray start --head` starts one, RAY_ADDRESS=host:port names one elsewhere, "
        accepted += "RAY_AUTH_MODE=token and its token open one that has a token"
        raise ParameterError("executor", "ray", f"{accepted} ({one_line(error)})") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, polite)  # Ray's own handler exits at once
    try:
        yield
    finally:
        ray.shutdown()


def _address() -> str:
    """Return what to connect to, once something answers there."""
    from ray._private.services import canonicalize_bootstrap_address  # what ray.init does; there is no public way

    given = os.environ.get("RAY_ADDRESS") or "auto"
    if "://" not in given:
        found = canonicalize_bootstrap_address(given)
        if found is None:
            raise ConnectionError(f"RAY_ADDRESS={given} names none")
        host, _, port = found.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), ANSWER).close()
        except OSError as error:
            raise ConnectionError(f"nothing answers at {found}: {error.strerror or error}") from error
    return given


@dataclass
class _Flight:
    """A run that is submitted: the locks that are held for it here, and how often it was lost."""

    spec: RunSpec
    held: contextlib.ExitStack
    lost: int = 0


class _Pool:
    def __init__(self, ray: ModuleType, sweep: Sweep):
        self.ray, self.sweep, self.execution, self.say = ray, sweep, sweep.options.execution, sweep.progress
        self.flights: dict[object, _Flight] = {}
        self.stopped = False
        needs = {"num_gpus": self.execution.gpu_share} if self.execution.kind == "cuda" else {}
        # Ray's own retries would keep the seconds that were left at first, and never end where memory runs out.
        submitted = ray.remote(num_cpus=1, max_retries=0, runtime_env={"env_vars": ENVIRONMENT}, **needs)
        self.task = submitted(ray_node.train)

    def run(self) -> None:
        sweep, pending = self.sweep, list(self.sweep.todo)
        spoke, room = time.monotonic(), self._room()
        try:
            while (pending or self.flights) and not self._over:
                self._fill(pending, sweep.options.workers or room + SURPLUS)
                if not self.flights:
                    break  # nothing fits any more: nothing to wait for
                for ref in self.ray.wait(list(self.flights), timeout=GLANCE)[0]:
                    self._finish(ref)
                specs = [flight.spec for flight in self.flights.values()]
                sweep.look({spec: spec for spec in specs[:room]}, len(pending) + len(specs[room:]))
                if time.monotonic() - spoke >= HEARTBEAT:
                    spoke, room = time.monotonic(), self._room()
                    if not room:
                        self.say(f"no node of the cluster can train on {self.execution.device}; waiting for one")
        finally:
            self._stop()

    def _room(self) -> int:
        """Return how many runs the nodes that are there can train at once."""
        room, share = 0, int(1 / self.execution.gpu_share + 1e-6)
        for node in self.ray.nodes():
            if node["Alive"]:
                cpus, gpus = (int(node["Resources"].get(name, 0)) for name in ("CPU", "GPU"))
                room += min(cpus, gpus * share) if self.execution.kind == "cuda" else cpus
        return room

    def _fill(self, pending: list[RunSpec], most: int) -> None:
        while pending and len(self.flights) < most:
            if spec := self.sweep.take(pending):
                self._start(spec)

    def _start(self, spec: RunSpec) -> None:
        store, held = self.sweep.store, contextlib.ExitStack()
        try:  # a GPU may have to split the run, which then has another key
            for split in spec.splits() if self.execution.kind == "cuda" else [spec]:
                held.enter_context(store.lock(split.key).acquire(timeout=0.2))
            if store.find(spec):  # somebody else was faster
                self._end(_Flight(spec, held), ray_node.Outcome(STORED, spec.key))
                return
            note = store.root / "running" / f"{spec.key}.json"
            held.callback(note.unlink, missing_ok=True)
            body = {"pid": os.getpid(), "epoch": "?", "epochs": spec.recipe.epochs, "seconds": 0.0}
            write_aside(note, json.dumps(body | {"began": time.time()}).encode())
        except Timeout:
            self._end(_Flight(spec, held), ray_node.Outcome(BUSY, spec.key))
        except OSError as error:
            self._end(_Flight(spec, held), ray_node.Outcome(FAILED, spec.key, reason=one_line(error)))
        else:
            self._send(_Flight(spec, held))

    def _send(self, flight: _Flight) -> None:
        dataset, root = self.sweep.dataset_of(flight.spec), paths.data_root()
        if dataset.folder and dataset.folder.is_relative_to(root):
            dataset = replace(dataset, folder=dataset.folder.relative_to(root))
        seconds = self.sweep.deadline - time.monotonic()  # a task that waits for room counts them late: _stop asks it
        self.flights[self.task.remote(flight.spec, dataset, self.execution, seconds)] = flight

    @property
    def _over(self) -> bool:
        return self.stopped or signals.asked() or time.monotonic() >= self.sweep.deadline

    def _finish(self, ref: object) -> None:
        flight, errors = self.flights.pop(ref), self.ray.exceptions
        key = flight.spec.key
        try:
            outcome = self.ray.get(ref)
        except errors.TaskCancelledError:
            flight.held.close()  # it had not begun: left for next time
        except errors.RayTaskError as error:  # nothing that a node notes: above all, effnet_lib is not installed there
            self._end(flight, ray_node.Outcome(FAILED, key, reason=str(error).strip().splitlines()[-1]))
        except errors.RayError as error:
            self._lost(flight, error)
        else:
            if outcome.how == PAUSED and outcome.asked and not self._over:
                self.say(f"{key[:8]}: its node was asked to stop; it goes on where there is room")
                self._send(flight)
            else:
                self._end(flight, outcome)

    def _lost(self, flight: _Flight, error: Exception) -> None:
        flight.lost += 1
        if self._over:
            flight.held.close()
        elif flight.lost < TRIES:
            kind = type(error).__name__  # what it says goes on for a page
            self.say(f"{flight.spec.key[:8]}: its worker or node was lost; it is tried again ({kind})")
            self._send(flight)
        else:
            why = f"its worker or node was lost {flight.lost} times, at last: {one_line(error)}"
            self._end(flight, ray_node.Outcome(FAILED, flight.spec.key, reason=why))

    def _end(self, flight: _Flight, outcome: ray_node.Outcome) -> None:
        store, spec, how, why = self.sweep.store, flight.spec, outcome.how, outcome.reason
        for line in outcome.said:
            self.say(line)
        executed = next((split for split in spec.splits() if split.key == outcome.key), spec)
        with flight.held:
            if how == STORED and not store.find(spec):
                try:
                    _store(store, executed.key, outcome)
                except (EffnetError, OSError) as error:
                    how, why = FAILED, one_line(error)
            if how == FAILED:
                store.fail(executed.key, why or "the node could not note the reason")
        self.sweep.ended(spec, how, executed)

    def _stop(self) -> None:
        """Ask what still runs to save and end; end what does not within the grace."""
        self.stopped = True
        for ref in self.flights:
            self.ray.cancel(ref, force=False)
        end = time.monotonic() + GRACE
        try:
            while self.flights and time.monotonic() < end:
                for ref in self.ray.wait(list(self.flights), timeout=GLANCE)[0]:
                    self._finish(ref)
        finally:  # also when a second Ctrl-C says that nobody waits
            for ref, flight in self.flights.items():
                self.ray.cancel(ref, force=True)
                flight.held.close()


def _store(store: RunStore, key: str, outcome: ray_node.Outcome) -> None:
    """Check and store what a node measured. Raises StoreError for anything but a sound record of this run."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    record = parse_record(outcome.record)
    if record.key != key:
        raise StoreError(f"the node's record is of run {record.key[:12]}; is the same effnet_lib installed there?")
    if outcome.weights:
        try:
            store.keep_weights(key, load(outcome.weights))
        except SafetensorError as error:
            raise StoreError(f"the node's weights are no safetensors: {error}") from error
    store.put(record)
