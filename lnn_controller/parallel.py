"""Do many things at once, in processes of their own, and give the results in order."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

__all__ = ['cores', 'end_with_parent', 'for_spawning', 'in_processes']

Item = TypeVar('Item')
Result = TypeVar('Result')

# Of the libraries that would each take all cores; LP: Mesa's renderer in software.
_THREADS = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'LP_NUM_THREADS')


def cores() -> int:
    """
    Count the cores that this process may use.

    :returns: at least 1
    """
    return len(os.sched_getaffinity(0))


def in_processes(function: Callable[[Item], Result], items: Sequence[Item], *, jobs: int) -> Iterator[Result]:
    """
    Call a function on each item, several at once; each process has one thread for that and is fresh (spawned, not
    forked), and ends with this one, however this one ends.

    With one job, or one item, nothing is spawned: the calls are made here.

    :param function: of a module, so that other processes find it
    :param items: what it is called on; they and the results travel between processes
    :param jobs: calls at once, at least 1
    :returns: the results in the order of the items, each as soon as it and those before it are there
    :raises Exception: the first that a call raised; what runs then is ended, as on an interrupt
    """
    if min(jobs, len(items)) <= 1:
        yield from map(function, items)
        return
    before = set(multiprocessing.active_children())
    spawn = multiprocessing.get_context('spawn')
    pool = ProcessPoolExecutor(min(jobs, len(items)), spawn, initializer=end_with_parent)
    try:
        with for_spawning():
            futures = [pool.submit(function, item) for item in items]
        for future in futures:
            yield future.result()
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        # Its thread has ended then: one that still runs while Python exits finds its pipes closed.
        pool.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """End this process when its parent has: who is killed cannot end the others, and they would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name='end with parent', daemon=True).start()


@contextmanager
def for_spawning() -> Iterator[None]:
    """What processes inherit that are spawned inside: one thread each, and Ctrl-C is for their parent alone."""
    kept = {name: os.environ.get(name) for name in _THREADS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(dict.fromkeys(_THREADS, '1'))
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
