"""The command line, called in this process so that tests share its virtual machine."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from cockroach_pipelines.cli import main
from cockroach_pipelines.cli.console import err, out

_WIDTH = 160


@dataclass(frozen=True)
class Finished:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Finished]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Run `cockroach-pipelines` with arguments."""
    monkeypatch.setenv("COLUMNS", str(_WIDTH))  # of help
    for console in (out, err):  # which took it from where this process began: readline leaves 80 to pytest's workers
        monkeypatch.setattr(console, "width", _WIDTH)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def run(*arguments: object) -> Finished:
        monkeypatch.setattr(sys, "argv", ["cockroach-pipelines", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Finished(int(ended.value.code or 0), printed.out, printed.err)

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)
