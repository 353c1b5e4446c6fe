"""The jobserver: real shims, real make, builds that are killed, engines that go."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from engine.heavy import SlotAsk, SlotServer, write_shims
from engine.jobserver import JobServer, Room
from engine.slots import SlotLine

HEAVY = ("make", "gmake", "ninja", "cargo build", "cmake --build")
MAKEFILE = """
T = $(shell seq 1 $(N))
all: $(T)
$(T):
\t@echo + >> $(LOG); read line < $(GATE); echo - >> $(LOG)
"""
TOLD = """#!/bin/sh
[ "$1" != --version ] || { echo "VERSION"; exit; }
for word in "$@"; do printf '<%s>' "$word"; done
printf '|%s\\n' "$MAKEFLAGS"
"""


class Engine:
    """A slot server and a jobserver on a loop of their own, joined as the runner joins them."""

    def __init__(self, folder: Path, total: int) -> None:
        self.total = total
        self.paused: frozenset[str] = frozenset()
        self.line = SlotLine(9)
        self.server = SlotServer(folder / "slots", self._asked, self.line.free)
        self.jobs = JobServer(folder / "slots", lambda: Room(self.total, self.line.running(), self.paused))
        self.server.on_other = self.jobs.hear
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.call(lambda: self.server.start(self.loop))
        self.call(lambda: self.jobs.start(self.loop))

    def _asked(self, ask: SlotAsk) -> None:
        self.line.request(ask.slot, ask.owner, ask.command, ask.pid, 0.0)
        for slot in self.line.grants():
            self.server.grant(slot)

    def call(self, work: Callable[[], object]) -> object:
        async def do() -> object:
            return work()

        return asyncio.run_coroutine_threadsafe(do(), self.loop).result(20)

    def issued(self) -> list[int]:
        return sorted(self.call(self.jobs.issued).values())  # type: ignore[attr-defined]

    def close(self) -> None:
        self.call(self.jobs.close)
        self.call(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Shop:
    """A folder with a Makefile whose jobs wait at a gate, and shims before the real make."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log, self.gate = folder / "log", folder / "gate"
        self.log.touch()
        os.mkfifo(self.gate)
        (folder / "Makefile").write_text(MAKEFILE)
        write_shims(folder / "shims", HEAVY)
        self.started: list[subprocess.Popen[str]] = []

    def environment(self, path: str = os.defpath, **more: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "AURORA_SLOT")}
        slots, shims = str(self.folder / "slots"), str(self.folder / "shims")
        return {**kept, "PATH": f"{shims}:{path}", "AURORA_SLOTS": slots, "AURORA_OWNER": "auth", **more}

    def make(self, *words: str, count: int = 12) -> subprocess.Popen[str]:
        command = ["make", *words, f"N={count}", f"LOG={self.log}", f"GATE={self.gate}"]
        # A new session, so that a build can be killed with everything it started.
        build = subprocess.Popen(
            command, cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.started.append(build)
        return build

    def running(self) -> int:
        lines = self.log.read_text().split()
        return lines.count("+") - lines.count("-")

    def open_gate(self) -> None:
        """Let a job go on, if one waits at the gate (opening waits for nobody)."""
        with suppress(OSError), open(os.open(self.gate, os.O_WRONLY | os.O_NONBLOCK), "w") as gate:
            gate.write("go\n")

    def finish(self, build: subprocess.Popen[str]) -> None:
        """Let one job after the other go on until the build has ended."""
        while build.poll() is None:
            ended = self.log.read_text().count("-")
            wait_for(lambda: build.poll() is not None or self.running() > 0)
            if build.poll() is None:
                wait_for(lambda ended=ended: self._let_one_go(ended))  # type: ignore[misc]

    def _let_one_go(self, ended: int) -> bool:
        self.open_gate()
        return self.log.read_text().count("-") > ended

    def most_at_once(self) -> int:
        """Jobs that ran at the same time, at the most."""
        now = most = 0
        for sign in self.log.read_text().split():
            now += 1 if sign == "+" else -1
            most = max(most, now)
        return most

    def kill_everything(self) -> None:
        for build in self.started:
            if build.poll() is None:
                os.killpg(build.pid, 9)
                build.wait()
            if build.stdout is not None:
                build.stdout.close()


def wait_for(true: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.kill_everything()


@pytest.fixture
def engine(tmp_path: Path, shop: Shop) -> Iterator[Engine]:
    made = Engine(tmp_path, 4)
    yield made
    made.close()


def told(shop: Shop, program: str, version: str, *words: str, **env: str) -> tuple[str, str]:
    """What a program of that version is given: its words, and MAKEFLAGS."""
    tools = shop.folder / "tools"
    tools.mkdir(exist_ok=True)
    path = tools / program
    path.write_text(TOLD.replace("VERSION", version))
    path.chmod(0o755)
    environment = shop.environment(f"{tools}:{os.defpath}", **env)
    ran = subprocess.run([program, *words], env=environment, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    given, _, flags = ran.stdout.strip().partition("|")
    return given, flags


# --- what a build is given ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_build_runs_as_many_jobs_as_there_are_cpus_whatever_it_asks_for(shop: Shop, engine: Engine) -> None:
    build = shop.make("-j8")
    wait_for(lambda: shop.running() == 4)
    assert engine.issued() == [3]
    shop.finish(build)
    assert shop.most_at_once() == 4
    assert build.returncode == 0


@pytest.mark.slow
def test_a_build_that_asks_for_fewer_gets_fewer(shop: Shop, engine: Engine) -> None:
    shop.make("--jobs=2")
    wait_for(lambda: shop.running() == 2)
    assert engine.issued() == [1]


@pytest.mark.slow
def test_a_build_that_is_killed_takes_no_token_along(shop: Shop, engine: Engine) -> None:
    first = shop.make("-j")
    wait_for(lambda: shop.running() == 4)
    shop.make("-j8")
    wait_for(lambda: shop.running() == 5)
    assert engine.issued() == [0, 3]
    os.killpg(first.pid, 9)
    wait_for(lambda: engine.issued() == [3])
    wait_for(lambda: shop.log.read_text().count("+") == 8)
    assert list((shop.folder / "slots").glob(f"jobs.{first.pid}.*")) == []


@pytest.mark.slow
def test_the_jobs_of_a_paused_task_are_for_others(shop: Shop, engine: Engine) -> None:
    shop.make("-j8")
    wait_for(lambda: shop.running() == 4)
    engine.paused = frozenset({"auth"})
    other = subprocess.Popen(
        ["make", "-j8", "N=12", f"LOG={shop.log}", f"GATE={shop.gate}"],
        cwd=shop.folder,
        env=shop.environment(AURORA_OWNER="cart"),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: engine.issued() == [2, 3])
    os.killpg(other.pid, 9)
    other.wait()


@pytest.mark.slow
def test_a_new_engine_takes_builds_over(shop: Shop) -> None:
    first = Engine(shop.folder, 4)
    build = shop.make("-j3")
    wait_for(lambda: shop.running() == 3)
    first.close()
    second = Engine(shop.folder, 4)
    assert len(second.issued()) == 1
    shop.finish(build)
    wait_for(lambda: second.issued() == [])
    second.close()
    assert build.returncode == 0
    assert list((shop.folder / "slots").glob("jobs*")) == []


# --- who is told what ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "words", "given", "style"),
    [
        ("GNU Make 4.3", ("-j8", "all"), "<all>", "pipe"),
        ("GNU Make 4.4.1", ("-j8", "all"), "<all>", "fifo"),
        ("GNU Make 5.0", ("-kj", "8", "all"), "<-k><all>", "fifo"),
        ("GNU Make 4.4", ("all", "--jobs", "3", "X=-j9"), "<all><X=-j9>", "fifo"),
        ("GNU Make 4.4", ("--jobs", "all"), "<all>", "fifo"),
        ("GNU Make 4.4", ("-j", "4", "--", "-j5"), "<--><-j5>", "fifo"),
        ("GNU Make 4.4", ("-fMyj4", "-Csub", "all"), "<-fMyj4><-Csub><all>", ""),
        ("GNU Make 4.4", ("all",), "<all>", ""),
        ("GNU Make 4.4", ("-j1", "all"), "<-j1><all>", ""),
        ("GNU Make 3.81", ("-j8", "all"), "<-j8><all>", ""),
        ("GNU Make 4.1", ("-j8", "all"), "<-j8><all>", ""),
        ("bmake", ("-j8", "all"), "<-j8><all>", ""),
        ("", ("-j8", "all"), "<-j8><all>", ""),
        ('"; exit 1; "', ("-j8", "all"), "<-j8><all>", ""),
    ],
)
def test_make_is_given_the_jobserver_it_understands(
    shop: Shop, engine: Engine, version: str, words: tuple[str, ...], given: str, style: str
) -> None:
    assert_told(told(shop, "make", version, *words), given, style)


@pytest.mark.parametrize(
    ("program", "version", "words", "given", "style"),
    [
        ("ninja", "1.13.0", ("-C", "out", "-j", "4"), "<-C><out>", "fifo"),
        ("ninja", "1.13.2.git.kitware.jobserver-1", (), "", "fifo"),
        ("ninja", "1.11.1", ("-j4",), "<-j4>", ""),
        ("ninja", "1.13.0", ("-t", "clean"), "<-t><clean>", ""),
        ("ninja", "1.13.0", ("-j1",), "<-j1>", ""),
        ("cargo", "cargo 1.80", ("build", "-j4", "--release"), "<build><--release>", "any"),
        ("cargo", "cargo 1.80", ("test", "--", "-j4"), "<test><--><-j4>", "any"),
        ("cargo", "cargo 1.80", ("nextest", "run", "-j4"), "<nextest><run><-j4>", ""),
        ("cmake", "cmake 3", ("--build", ".", "--parallel", "6"), "<--build><.>", "any"),
        ("cmake", "cmake 3", ("--build", ".", "--", "-j6"), "<--build><.><-->", "any"),
        ("cmake", "cmake 3", ("--build", "."), "<--build><.>", ""),
        ("cmake", "cmake 3", ("-S", ".", "-j6"), "<-S><.><-j6>", ""),
    ],
)
def test_other_programs_are_given_the_jobserver_where_they_build(
    shop: Shop, engine: Engine, program: str, version: str, words: tuple[str, ...], given: str, style: str
) -> None:
    assert_told(told(shop, program, version, *words), given, style)


def assert_told(got: tuple[str, str], given: str, style: str) -> None:
    words, flags = got
    assert words == given
    if not style:
        assert flags == ""
    else:
        auth = flags.partition("--jobserver-auth=")[2]
        assert auth.startswith("fifo:/") if style == "fifo" else auth
        assert style != "pipe" or auth == "8,9"


def test_a_build_shares_the_cores_even_if_it_takes_no_slot(shop: Shop, engine: Engine) -> None:
    write_shims(shop.folder / "shims", ["docker build"], share=True)
    assert told(shop, "make", "GNU Make 4.4", "-j8", "all")[0] == "<all>"
    assert told(shop, "ninja", "1.13.0")[1].startswith("-j --jobserver-auth=fifo:")
    assert engine.line.held() == ()
    write_shims(shop.folder / "shims", ["docker build"])
    assert told(shop, "make", "GNU Make 4.4", "-j8", "all") == ("<-j8><all>", "")


def test_a_person_who_asks_for_a_slot_shares_the_jobserver_too(shop: Shop, engine: Engine) -> None:
    """The shims are not on the person's PATH; the real make is, and says it is 4.3 or newer."""
    script = "import sys; from pathlib import Path; from engine.heavy import run_with_slot as run\n"
    script += "run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])"
    folders = [str(shop.folder / name) for name in ("slots", "shims")]
    tools = shop.folder / "tools"
    told(shop, "make", "GNU Make 4.3")
    environment = shop.environment(AURORA_OWNER="") | {"PATH": f"{tools}:{os.defpath}"}

    def said(*command: str) -> str:
        python = [sys.executable, "-c", script, *folders]
        return subprocess.run([*python, *command], env=environment, capture_output=True, text=True, check=True).stdout

    assert said("make", "-j8", "all") == "<all>|-j8 --jobserver-auth=8,9\n"
    assert said(str(tools / "make"), "-j8", "all") == "<-j8><all>|\n"
    wait_for(lambda: engine.line.held() == ())


def test_what_stands_in_makeflags_stays(shop: Shop, engine: Engine) -> None:
    _, flags = told(shop, "make", "GNU Make 4.3", "-j4", MAKEFLAGS="ks -j2 --jobserver-auth=77,78 -- X=a\\ -j3 Y=b")
    assert flags == "-j4 --jobserver-auth=8,9 -ks -- X=a\\ -j3 Y=b"
    _, flags = told(shop, "make", "GNU Make 4.3", "all", MAKEFLAGS=" -j6")
    assert flags == "-j --jobserver-auth=8,9"


def test_an_old_make_under_a_fifo_gets_it_as_open_files(shop: Shop, engine: Engine) -> None:
    fifo = shop.folder / "pool"
    os.mkfifo(fifo)
    _, flags = told(shop, "make", "GNU Make 4.3", "all", MAKEFLAGS=f"-j4 --jobserver-auth=fifo:{fifo}")
    assert flags == "-j --jobserver-auth=8,9"
    words, flags = told(shop, "make", "GNU Make 4.4", "-j9", MAKEFLAGS=f"-j4 --jobserver-auth=fifo:{fifo}")
    assert (words, flags) == ("", f"-j4 --jobserver-auth=fifo:{fifo}")
    assert engine.issued() == []


def test_without_an_engine_nothing_is_changed(shop: Shop) -> None:
    assert told(shop, "make", "GNU Make 4.3", "-j8", "all") == ("<-j8><all>", "")
    first = Engine(shop.folder, 4)
    first.close()
    assert told(shop, "make", "GNU Make 4.3", "-j8", "all") == ("<-j8><all>", "")


def test_an_engine_that_was_killed_is_not_taken_for_one(shop: Shop) -> None:
    """Its fifos are still there, but nobody reads them: the build runs as many jobs as it asked for."""
    slots = shop.folder / "slots"
    slots.mkdir()
    for name in ("alive", "requests"):
        os.mkfifo(slots / name)
    (slots / "jobs").touch()
    assert told(shop, "make", "GNU Make 4.3", "-j8", "all") == ("<-j8><all>", "")
    assert sorted(path.name for path in slots.iterdir()) == ["alive", "jobs", "requests"]


def test_an_engine_that_does_not_listen_holds_nobody_up(shop: Shop) -> None:
    slots = shop.folder / "slots"
    slots.mkdir()
    os.mkfifo(slots / "alive")
    os.mkfifo(slots / "requests")
    (slots / "jobs").touch()
    deaf = os.open(slots / "requests", os.O_RDWR | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(deaf, b"x" * 4096)
    assert told(shop, "make", "GNU Make 4.3", "-j8", "all", AURORA_SLOT="inside") == ("<-j8><all>", "")
    os.close(deaf)


def test_a_folder_with_a_blank_in_its_name_is_given_as_open_files(tmp_path: Path) -> None:
    folder = tmp_path / "my shop"
    folder.mkdir()
    shop, engine = Shop(folder), Engine(folder, 4)
    _, flags = told(shop, "make", "GNU Make 4.4", "-j8")
    engine.close()
    assert flags == "-j8 --jobserver-auth=8,9"


def test_open_files_of_the_caller_are_left_alone(shop: Shop, engine: Engine) -> None:
    """The numbers 8 and 9 are taken: others are used."""
    tool = shop.folder / "tools"
    told(shop, "make", "GNU Make 4.3")
    script = 'exec 9>"$1" 8</dev/null; make -j3; echo mine >&9'
    out = shop.folder / "out"
    ran = subprocess.run(
        ["sh", "-c", script, "sh", str(out)],
        env=shop.environment(f"{tool}:{os.defpath}"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "|-j3 --jobserver-auth=6,7"
    assert out.read_text() == "mine\n"
