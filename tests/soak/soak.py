"""Thousands of statements, a fifth of them with a fault, and what they leave behind: threads, connections, files, memory.

Usage: python -m tests.soak.soak [--statements 10000] [--tickets 120]

Prints a line for every thousand statements, then how long a user of 10-second tickets was served, and exits with 1 when
something grew or a row was lost or doubled. It is no part of the tests: it takes minutes.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from cockroach_pipelines.config import DatabaseConfig, PoolConfig, RetryConfig
from cockroach_pipelines.database import CancelledError, ConnectionManager, DatabaseError
from cockroach_pipelines.database.jvm import JVMManager, java
from cockroach_pipelines.execution import (
    BatchExecutor,
    Command,
    Event,
    QueryExecutor,
    RetryScheduled,
    Snapshot,
    TransactionalExecutor,
)
from tests.peers.kdc import Kdc
from tests.peers.postgres import PostgresServer
from tests.peers.processes import readable_folder
from tests.peers.proxy import End, Fault, Proxy, Side

FAULTS = 0.2
POOL = 4
SAMPLE_EVERY = 1000
# What may come and go: the pool's connections and a thread or two that end by themselves.
SLACK_THREADS, SLACK_FILES, SLACK_HEAP_MB = 6, 12, 12


class Soak:
    """The work, its faults, and what it counts."""

    def __init__(self, manager: ConnectionManager, proxy: Proxy, server: PostgresServer) -> None:
        self.manager = manager
        self.proxy = proxy
        self.server = server
        self.chance = random.Random(1)  # noqa: S311 - the same faults at each run
        self.retries = 0
        self.ended: Counter[str] = Counter()
        self.samples: list[tuple[int, int, int, int, float, float]] = []
        self.expected: set[int] = set()

    def run(self, statements: int) -> None:
        """Run so many statements."""
        for number in range(statements):
            if self.chance.random() < FAULTS:
                self._with_fault(number)
            else:
                self._work(number)
            self.proxy.faults.clear()
            if (number + 1) % SAMPLE_EVERY == 0:
                self._sample(number + 1)

    def _observe(self, event: Event) -> None:
        self.retries += isinstance(event, RetryScheduled)

    def _with_fault(self, number: int) -> None:
        match self.chance.randrange(4):
            case 0:
                self.proxy.end_all(self.chance.choice([End.CLOSE, End.RESET]))
            case 1:
                side = self.chance.choice(list(Side))
                fault = Fault(side, self.chance.randrange(1500), self.chance.choice([End.CLOSE, End.RESET]))
                self.proxy.faults.extend([fault] * POOL)
                self.proxy.end_all(End.RESET)
            case 2:
                self._cancelled()
                return
            case _:
                self._wrong()
                return
        self._work(number)

    def _work(self, number: int) -> None:
        try:
            match number % 3:
                case 0:
                    verify = Command("SELECT count(*) FROM soaked WHERE id = :id", {"id": number})
                    insert = Command("INSERT INTO soaked VALUES (:id)", {"id": number})
                    TransactionalExecutor(self.manager, observe=self._observe).run_statements(
                        "main", [insert], verify=verify
                    )
                    self.expected.add(number)
                case 1:
                    QueryExecutor(self.manager, observe=self._observe).run("main", _read, staged=True)
                case _:
                    upsert = "INSERT INTO upserted VALUES (?) ON CONFLICT DO NOTHING"
                    rows = [[number * 200 + i] for i in range(150)]
                    BatchExecutor(self.manager, observe=self._observe).run("main", upsert, rows, idempotent=True)
            self.ended["done"] += 1
        except DatabaseError as error:
            self.ended[type(error).__name__] += 1

    def _cancelled(self) -> None:
        reader = QueryExecutor(self.manager)
        timer = threading.Timer(0.03, reader.cancel)
        timer.start()
        try:
            reader.run("main", lambda snapshot: snapshot.read_text("SELECT pg_sleep(20)").to_table())
        except CancelledError:
            self.ended["cancelled"] += 1
        timer.join()

    def _wrong(self) -> None:
        try:
            TransactionalExecutor(self.manager).run_statements("main", [Command("SELECT 1 / 0")])
        except DatabaseError:
            self.ended["refused"] += 1

    def _sample(self, number: int) -> None:
        gc.collect()
        java("java.lang.System").gc()
        runtime = java("java.lang.Runtime").getRuntime()
        heap = int(runtime.totalMemory() - runtime.freeMemory()) / 1e6
        sessions = int(self.server.psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'trusted'"))
        files = len(os.listdir("/proc/self/fd")) - 3 * len(self.proxy.links)  # noqa: PTH208 - the proxy's are not ours
        threads = len(os.listdir("/proc/self/task")) - len(self.proxy.links)  # noqa: PTH208
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        sample = (number, threads, sessions, files, heap, pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
        self.samples.append(sample)
        print(
            f"{number:6,} statements: {sample[1]:3} threads, {sample[2]:2} sessions, {sample[3]:3} files, "
            f"{sample[4]:5.1f} MB heap, {sample[5]:5.0f} MB resident, {self.retries:,} retries",
            flush=True,
        )

    def problems(self) -> list[str]:
        """What grew between the second sample and the last, and what was lost."""
        _, first, *_ = [*self.samples, *self.samples]
        last = self.samples[-1]
        found = [
            f"{what} grew from {first[index]:.0f} to {last[index]:.0f}"
            for index, what, slack in (
                (1, "threads", SLACK_THREADS),
                (3, "files", SLACK_FILES),
                (4, "heap", SLACK_HEAP_MB),
            )
            if last[index] > first[index] + slack
        ]
        if last[2] > POOL:
            found.append(f"{last[2]} sessions are open, and the pool has {POOL}")
        rows = Counter(int(line) for line in self.server.psql("SELECT id FROM soaked").splitlines())
        wrong = {number for number in self.expected if rows[number] != 1} | {
            number for number in rows if rows[number] > 1
        }
        return [*found, *([f"{len(wrong)} rows are lost or doubled"] if wrong else [])]


def _read(snapshot: Snapshot) -> int:
    return int(snapshot.read_text("SELECT n, repeat('x', 50) FROM generate_series(1, 2000) AS n").to_table().num_rows)


def use_short_tickets(server: PostgresServer, kdc: Kdc, seconds: int) -> None:
    """Connect anew again and again with tickets that live ten seconds."""
    for principal in ("etl", f"krbtgt/{kdc.realm}"):
        kdc.kadmin(f'modprinc -maxlife "10 seconds" {principal}')
    connections, expiries, end = 0, set(), time.monotonic() + seconds
    with ConnectionManager({"main": server.kerberos_config()}) as manager:
        writer = TransactionalExecutor(manager)
        while time.monotonic() < end:
            writer.run("main", lambda connection: connection.query("SELECT current_user"))
            connections += 1
            authenticator = manager.pool().connector.authenticator
            expiries.add(authenticator.ticket().expiry if authenticator else None)
            time.sleep(0.2)
    print(f"{connections} connections in {seconds} s over {len(expiries)} tickets of 10 s, none refused")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--statements", type=int, default=10_000)
    parser.add_argument("--tickets", type=int, default=120, help="seconds with tickets of ten seconds")
    arguments = parser.parse_args()
    JVMManager().start()
    with readable_folder("soak-kdc") as kdc_folder, readable_folder("soak") as folder:
        kdc = Kdc(kdc_folder)
        kdc.start()
        server = PostgresServer(folder, kdc)
        try:
            server.create()
            server.start()
            server.create_roles()
            server.psql(
                "CREATE TABLE soaked (id int); CREATE TABLE upserted (id int PRIMARY KEY); GRANT ALL ON soaked, upserted TO PUBLIC"
            )
            with Proxy(server.port) as proxy, ConnectionManager({"main": _config(server, proxy)}) as manager:
                with manager.lend():
                    pass
                began = time.monotonic()
                soak = Soak(manager, proxy, server)
                soak.run(arguments.statements)
                print(f"{arguments.statements:,} statements in {time.monotonic() - began:.0f} s: {dict(soak.ended)}")
                problems = soak.problems()
            if arguments.tickets:
                use_short_tickets(server, kdc, arguments.tickets)
        finally:
            server.stop()
            kdc.stop()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _config(server: PostgresServer, proxy: Proxy) -> DatabaseConfig:
    retry = RetryConfig(retries=20, first_wait=0.005, longest_wait=0.2)
    return server.config_of(port=proxy.port).model_copy(update={"retry": retry, "pool": PoolConfig(size=POOL)})


if __name__ == "__main__":
    sys.exit(main())
