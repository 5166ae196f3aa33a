"""What the Ray executor does with what its nodes answer, without a cluster."""

from dataclasses import replace

import pytest
from support.ray_nodes import FakeRay

from effnet_lib.runs.executors import ray_cluster, ray_node
from effnet_lib.runs.sweep import Report, Sweep, SweepOptions
from effnet_lib.runs.worker import FAILED, PAUSED, STORED
from effnet_lib.training.execution import Execution


@pytest.fixture
def answered(store, tiny_data, tiny_spec):
    """Run the tiny spec on a cluster that gives these answers; return the report and how often it was submitted."""

    def run(*answers) -> tuple[Report, int]:
        state = Sweep([tiny_spec], lambda _: tiny_data, store, SweepOptions(say=lambda line: None))
        ray = FakeRay(*answers)
        ray_cluster._Pool(ray, state).run()
        return state.report, len(ray.sent)

    return run


def test_a_run_that_kills_its_workers_fails_in_the_end(answered, store, tiny_spec, record_of):
    lost = FakeRay.exceptions.RayError("out of\nmemory")
    report, sent = answered(*[lost] * ray_cluster.TRIES)
    assert report.failed == [tiny_spec] and sent == ray_cluster.TRIES
    assert f"lost {ray_cluster.TRIES} times, at last: RayError: out of memory" in store.failure(tiny_spec.key)
    finished = ray_node.Outcome(STORED, tiny_spec.key, record_of(tiny_spec).to_json())
    assert answered(lost, finished)[0].stored == [tiny_spec] and store.failure(tiny_spec.key) is None


def test_a_run_goes_on_elsewhere_where_its_node_was_asked_to_stop(answered, tiny_spec, record_of):
    preempted = ray_node.Outcome(PAUSED, tiny_spec.key, asked=True)
    finished = ray_node.Outcome(STORED, tiny_spec.key, record_of(tiny_spec).to_json())
    report, sent = answered(preempted, preempted, finished)
    assert report.stored == [tiny_spec] and sent == 3 and not report.paused


def test_only_a_sound_record_of_the_run_is_stored(answered, store, tiny_spec, record_of):
    key, other = tiny_spec.key, record_of(replace(tiny_spec, seed=9)).to_json()
    for record, weights, message in (
        (other, b"", "is the same effnet_lib installed there"),
        ("{}", b"", "not a run record"),
        (record_of(tiny_spec).to_json(), b"weights", "no safetensors"),
    ):
        assert answered(ray_node.Outcome(STORED, key, record, weights))[0].failed == [tiny_spec]
        assert message in store.failure(key) and store.get(key) is None
    bug = FakeRay.exceptions.RayTaskError("a traceback\nModuleNotFoundError: No module named 'effnet_lib'")
    assert answered(bug)[0].failed == [tiny_spec] and "No module named 'effnet_lib'" in store.failure(key)
    assert answered(ray_node.Outcome(FAILED, key))[0].failed == [tiny_spec]
    assert "could not note the reason" in store.failure(key)


def test_a_run_that_a_node_split_counts_as_done(answered, store, tiny_spec, record_of):
    half = replace(tiny_spec, micro_batch=8)
    report, _ = answered(ray_node.Outcome(STORED, half.key, record_of(half).to_json(), said=("it does not fit",)))
    assert report.stored == [tiny_spec] and store.get(half.key) and store.find(tiny_spec).key == half.key


def test_there_is_room_for_as_many_runs_as_fit_on_the_nodes(store, tiny_data, tiny_spec):
    parts = ({"CPU": 8.0, "GPU": 2.0}, {"CPU": 2.0, "GPU": 4.0}, {"CPU": 1.0}, {"memory": 1.0})
    listed = [{"Alive": True, "Resources": part} for part in parts] + [{"Alive": False, "Resources": {}}]
    rooms = {}
    for execution in (
        Execution(),
        Execution("cuda"),
        Execution("cuda", gpu_share=1 / 3),
        Execution("cuda", gpu_share=0.6),
    ):
        state = Sweep([tiny_spec], lambda _: tiny_data, store, SweepOptions(execution=execution))
        rooms[execution] = ray_cluster._Pool(FakeRay(nodes=listed), state)._room()
    assert list(rooms.values()) == [11, 4, 8, 4]
