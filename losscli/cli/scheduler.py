"""A Dask scheduler: reached where it is, or started here with its workers."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from losscli.errors import LosscliError, MissingExtra, UsageError

LOCAL = "local"
PATIENCE = 10  # seconds to wait for a scheduler, and for its first worker


@contextmanager
def connected(address: str, threads: int | None) -> Iterator[Any]:
    """A client of the scheduler at `address`; with "local" of one that lives as long as this.

    Whatever ends this early, Ctrl-C too, cancels what is still to be done.
    """
    try:
        import dask

        dask.config.set({"logging.distributed": "critical"})
        from distributed import Client, KilledWorker
        from distributed.comm import CommClosedError
    except ImportError:
        raise MissingExtra(
            "--dask needs Dask, which is not installed; install it with: "
            "python -m pip install 'losscli[dask]'"
        ) from None
    with ExitStack() as stack:
        there = stack.enter_context(_workers_here(threads)) if address == LOCAL else address
        client = stack.enter_context(_client(Client, there, address))
        try:
            with _interrupts():
                yield client
        except KilledWorker as error:
            raise LosscliError(
                "--dask: a part was given up, as each worker that had it was lost, the last at "
                f"{error.last_worker.address}; it may have had too little memory."
            ) from None
        except (CommClosedError, asyncio.CancelledError, TimeoutError):
            raise LosscliError(f"--dask: the scheduler at {address} is gone.") from None
        except ModuleNotFoundError as error:
            raise LosscliError(
                f"--dask: the workers of {address} have no module {error.name}; install "
                "losscli there too."
            ) from None


@contextmanager
def _interrupts() -> Iterator[None]:
    """Lets Ctrl-C be Ctrl-C, whatever Dask raises on the way out of it."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, KeyboardInterrupt):
                raise cause from None
            cause = cause.__cause__ or cause.__context__
        raise


@contextmanager
def _client(connect: Any, there: Any, address: str) -> Iterator[Any]:
    """A client with at least one worker."""
    if address != LOCAL and not re.fullmatch(r"(\w+://)?[^/\s]+:\d+/?", address):
        raise UsageError(
            f"--dask is {address!r}; expected the address of a scheduler, like "
            "tcp://10.0.0.1:8786, or local."
        )
    try:
        client = connect(there, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError):
        raise LosscliError(
            f"--dask: there is no scheduler at {address}; give the address that dask scheduler "
            "prints, as in tcp://10.0.0.1:8786, or local."
        ) from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        yield client
    except TimeoutError:
        raise LosscliError(f"--dask: the scheduler at {address} has no workers.") from None
    finally:
        with suppress(Exception):
            client.close(timeout=1)


@contextmanager
def _workers_here(threads: int | None) -> Iterator[Any]:
    """A cluster of processes on this machine."""
    from distributed import LocalCluster

    cluster = LocalCluster(
        n_workers=threads,
        threads_per_worker=1,
        dashboard_address=":0",
        silence_logs=logging.CRITICAL,
        preload=["losscli.cli.deaf"],
    )
    try:
        yield cluster
    finally:
        cluster.close(timeout=2)
