"""Part 6: small runs that share the GPU, each in a process of its own: images a second of all together."""

import time
from multiprocessing.connection import Connection

from benchmarks.gpu.kit import Bench, Settings, Trainee, begin, best_kind, server, study, wait_for
from effnet_lib.core.errors import one_line

MOST = 4


def run(bench: Bench) -> None:
    """Start the processes once, and have 1, 2 and 4 of them train at a time."""
    seconds = 0.2 if bench.small else 3.0
    context = server()
    ends, processes = [], []
    for _ in range(MOST):
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(bench.settings, there))
        process.start()
        there.close()
        ends.append(here)
        processes.append(process)
    try:
        with bench.attempt("1", "2", "4"):
            for end in ends:
                _answer(end)
            rates = {}
            for count in (1, 2, 4):
                for end in ends[:count]:
                    end.send(seconds)
                rates[count] = sum(_answer(end) for end in ends[:count])
                note = "" if count == 1 else f"{rates[count] / rates[1]:.2f} x one process"
                bench.row(str(count), rates[count], "img/s", note)
    finally:
        for process in processes:
            process.kill()
            process.join()


def _answer(end: Connection) -> float:
    """Return what a process has measured, 0 for that it is ready; raise its reason as RuntimeError."""
    try:
        answer = end.recv()
    except EOFError:
        raise RuntimeError("a process died without a word, perhaps for lack of memory") from None
    if isinstance(answer, str):
        raise RuntimeError(answer)
    return answer


def _work(settings: Settings, connection: Connection) -> None:
    """Train whenever asked, for so many seconds, and answer with images a second."""
    begin()
    try:
        bench = Bench(settings, 0.0, connection)
        planned, _ = study(bench)
        trainee = Trainee(planned.spec(planned.baseline, 0), bench.device, best_kind(bench), 1024)
        some = 1 if settings.small else 20
        trainee.train(10 if bench.cuda else 1)
        wait_for(bench.device)
        connection.send(0.0)
        while True:
            seconds, steps, started = connection.recv(), 0, time.perf_counter()
            while time.perf_counter() - started < seconds:
                trainee.train(some)
                wait_for(bench.device)
                steps += some
            connection.send(steps * trainee.spec.recipe.batch / (time.perf_counter() - started))
    except EOFError:  # nobody asks any more
        return
    except Exception as error:  # whatever it is, the one who waits must hear of it
        connection.send(one_line(error))
