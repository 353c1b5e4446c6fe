"""The scripted agent of `aurora demo`: a real process that makes real edits, slowly enough to be watched.

    AURORA_TASK=backend python -I agent.py [--speed N] PROMPT_FILE

It stands alone (standard library only), works in its current directory and plays `plays/<task>.play` beside itself. A
later attempt first looks for a failing test in its prompt and repairs what that says. `--speed` (or AURORA_DEMO_SPEED)
divides every pause; from 100 on there is none.

A play is a list of steps, `=== verb argument ~seconds>=least`, each followed by the text it works on. `least` are
seconds that pass even in a hurry. Every step can be repeated without harm.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

HEADER = re.compile(r"=== (\w+)(?: (.*?))?(?: ~([\d.]+)(?:>=([\d.]+))?)?")
MISSING = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")
BEAT = 0.3
PATIENCE = 60.0
TARGET = "main"


class Stuck(Exception):
    """The agent does not know how to go on."""


@dataclass(frozen=True)
class Step:
    """One thing to do. `seconds` is how long it takes at speed 1, `least` what it takes at any speed."""

    verb: str
    argument: str
    seconds: float
    least: float
    body: str


def parse(play: str) -> Iterator[Step]:
    """The steps of a play, in order."""
    headers: list[re.Match[str]] = []
    bodies: list[list[str]] = []
    for line in play.splitlines(keepends=True):
        header = HEADER.fullmatch(line.rstrip("\n"))
        if header:
            headers.append(header)
            bodies.append([])
        else:
            bodies[-1].append(line)
    for header, body in zip(headers, bodies, strict=True):
        verb, argument, seconds, least = header.groups()
        yield Step(verb, argument or "", float(seconds or 0), float(least or 0), "".join(body))


@dataclass(frozen=True)
class Pace:
    """Turns the seconds of a play into real pauses."""

    speed: float

    def real(self, seconds: float, least: float = 0.0) -> float:
        """How long something takes, in real seconds."""
        return 0.0 if self.speed >= 100 else max(seconds / self.speed, least)

    def wait(self, seconds: float, least: float = 0.0) -> None:
        """Let that much time pass."""
        time.sleep(self.real(seconds, least))

    def chunks(self, text: str, seconds: float, least: float = 0.0) -> Iterator[str]:
        """`text` in a few pieces of whole lines, with a pause after each."""
        total = self.real(seconds, least)
        typed = pieces(text, round(total / BEAT))
        for piece in typed:
            yield piece
            time.sleep(total / len(typed))


def pieces(text: str, count: int) -> list[str]:
    """`text` cut into at most `count` pieces of whole lines, but at least one."""
    lines = text.splitlines(keepends=True)
    count = max(1, min(len(lines), count))
    return ["".join(lines[n * len(lines) // count : (n + 1) * len(lines) // count]) for n in range(count)]


def tell(sentence: str) -> None:
    """Say what is being done, for whoever watches the output."""
    print(f"• {sentence}", flush=True)


def quote(output: str, lines: int = 12) -> None:
    """Show the end of what a program printed."""
    for line in output.strip().splitlines()[-lines:]:
        print(f"  │ {line}", flush=True)


def git(*arguments: str) -> str:
    """What a git command prints; Stuck when it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise Stuck(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def users_of(name: str) -> list[Path]:
    """The Python files in which `name` stands as a whole word."""
    command = ["git", "grep", "--untracked", "-lwF", "-e", name, "--", "*.py"]
    return [Path(line) for line in subprocess.run(command, capture_output=True, text=True).stdout.splitlines()]


def replace_word(path: Path, old: str, new: str) -> int:
    """Write `new` for every whole word `old`, and say how often."""
    text, count = re.subn(rf"\b{re.escape(old)}\b", new, path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    return count


def fetched(address: str, path: str) -> str:
    """The body of what a service answers; Stuck when it does not answer well."""
    connection = HTTPConnection(address.removeprefix("http://").rstrip("/"), timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode("utf-8", "replace")
    except (OSError, HTTPException) as problem:
        raise Stuck(f"the mock does not answer ({problem})") from None
    finally:
        connection.close()
    if response.status != 200:
        raise Stuck(f"the mock answered {response.status}: {body}")
    return body


def tests() -> tuple[bool, str]:
    """Run the shop's tests: whether they pass, and what they print."""
    command = [sys.executable, "-E", "-B", "-m", "unittest", "-q"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode == 0, done.stdout


class Agent:
    """Plays one task in the current directory."""

    def __init__(self, pace: Pace, attempt: int = 1) -> None:
        self.pace = pace
        self.attempt = attempt
        self.words: dict[str, str] = {}
        self.verbs: Mapping[str, Callable[[Step], None]] = {
            "say": self.say,
            "read": self.read,
            "write": self.write,
            "append": self.append,
            "insert": self.insert,
            "replace": self.replace,
            "rename": self.rename,
            "adapt": self.adapt,
            "mock": self.mock,
            "overstep": self.overstep,
            "run": self.run,
            "make": self.make,
            "test": self.test,
            "wait": self.wait,
            "commit": self.commit,
        }

    def play(self, steps: Iterator[Step]) -> None:
        """Do one step after the other."""
        for step in steps:
            self.verbs[step.verb](step)

    # --- steps --------------------------------------------------------------------------------------------------

    def say(self, step: Step) -> None:
        tell(step.argument)
        self.pace.wait(step.seconds or 0.8, step.least)

    def wait(self, step: Step) -> None:
        self.pace.wait(step.seconds, step.least)

    def read(self, step: Step) -> None:
        """A file that is not there is no reason to stop."""
        path = Path(step.argument)
        lines = len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0
        tell(f"reading {path} ({lines} lines)")
        self.pace.wait(step.seconds, step.least)

    def write(self, step: Step) -> None:
        path = Path(step.argument)
        text = self.worded(step.body)
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return tell(f"{path} is as it should be")
        tell(f"writing {path} ({len(text.splitlines())} lines)")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
        for chunk in self.pace.chunks(text, step.seconds, step.least):
            with path.open("a", encoding="utf-8") as file:
                file.write(chunk)
        return None

    def append(self, step: Step) -> None:
        self.type_into(Path(step.argument), step, lambda now, done: now.rfind(done) + len(done) if done else len(now))

    def insert(self, step: Step) -> None:
        """`PATH before|after LINE`: the line as it stands in the file."""
        name, where, line = step.argument.split(" ", 2)

        def place(now: str, done: str) -> int:
            line_start = f"\n{now}".find(f"\n{line}\n")
            if line_start < 0:
                raise Stuck(f"{name} has no line {line.strip()!r}")
            return line_start if where == "before" else line_start + len(line) + 1 + len(done)

        self.type_into(Path(name), step, place)

    def type_into(self, path: Path, step: Step, place: Callable[[str, str], int]) -> None:
        """Type into a file that exists, read again before every chunk: it may have been merged in between."""
        if step.body.strip() in path.read_text(encoding="utf-8"):
            return tell(f"{path} has it already")
        tell(f"editing {path} (+{len(step.body.splitlines())})")
        done = ""
        for chunk in self.pace.chunks(step.body, step.seconds, step.least):
            now = path.read_text(encoding="utf-8")
            at = place(now, done)
            path.write_text(now[:at] + chunk + now[at:], encoding="utf-8")
            done += chunk
        return None

    def replace(self, step: Step) -> None:
        path = Path(step.argument)
        old, new = step.body.split(">>>\n")
        now = path.read_text(encoding="utf-8")
        if new in now:
            return tell(f"{path} has it already")
        if old not in now:
            raise Stuck(f"{path} does not read {old.strip()!r} any more")
        tell(f"editing {path}")
        self.pace.wait(step.seconds, step.least)
        path.write_text(now.replace(old, new, 1), encoding="utf-8")
        return None

    def rename(self, step: Step) -> None:
        """`OLD NEW`, everywhere."""
        old, new = step.argument.split()
        files = users_of(old)
        for path in files:
            tell(f"editing {path}: {replace_word(path, old, new)} × {old} → {new}")
            self.pace.wait(step.seconds / len(files), step.least)

    def adapt(self, step: Step) -> None:
        """`PATH OLD NEW`: say NEW from now on if PATH defines that and OLD no more."""
        name, old, new = step.argument.split()
        text = Path(name).read_text(encoding="utf-8")
        if f"def {old}(" not in text and f"def {new}(" in text:
            self.words[old] = new

    def worded(self, text: str) -> str:
        for old, new in self.words.items():
            text = re.sub(rf"\b{old}\b", new, text)
        return text

    def mock(self, step: Step) -> None:
        """`PATH FILE`: ask the mock that is served beside this task, and keep in FILE what it answers."""
        path, name = step.argument.split()
        address = next((value for key, value in os.environ.items() if key.startswith("AURORA_MOCK_")), "")
        if not address:
            raise Stuck("nobody serves a mock of the contract")
        tell(f"asking the mock: GET {address}{path}")
        answered = fetched(address, path)
        quote(answered)
        Path(name).write_text(f"{answered}\n", encoding="utf-8")
        self.pace.wait(step.seconds, step.least)

    def overstep(self, step: Step) -> None:
        """An insertion that is not this task's to make: a later attempt leaves the file as everybody has it."""
        name = step.argument.partition(" ")[0]
        if self.attempt == 1:
            tell(f"{name} says nothing about gift notes: I add them")
            self.insert(step)
            self.pace.wait(step.seconds, step.least)
        elif git("diff", TARGET, "--", name):
            tell(f"{name} stays as it is, so there are no gift notes yet")
            git("checkout", TARGET, "--", name)

    def run(self, step: Step) -> None:
        self.command([sys.executable if word == "{python}" else word for word in shlex.split(step.argument)])
        self.pace.wait(step.seconds, step.least)

    def make(self, step: Step) -> None:
        """`GOAL MODULE`: make GOAL, or run MODULE where there is no make."""
        goal, module = step.argument.split()
        if shutil.which("make"):
            self.command(["make", goal, f"PYTHON={shlex.quote(sys.executable)} -B"])
        else:
            self.command([sys.executable, "-B", "-m", module])

    def command(self, words: list[str]) -> None:
        """Run a program and show what it prints; Stuck when it fails."""
        tell(f"running {' '.join([Path(words[0]).name, *words[1:]])}")
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as program:
            for line in program.stdout or ():
                quote(line)
        if program.returncode:
            raise Stuck(f"{Path(words[0]).name} failed with {program.returncode}")

    def test(self, step: Step) -> None:
        tell("running the tests")
        green, output = tests()
        quote(output, 3 if green else 20)
        self.pace.wait(step.seconds, step.least)
        if not green:
            raise Stuck("the tests are red")

    def commit(self, step: Step) -> None:
        git("add", "-A")
        if git("status", "--porcelain"):
            git("commit", "-q", "-m", step.argument)
            tell(f"committed: {step.argument}")

    # --- a later attempt -----------------------------------------------------------------------------------------

    def repair(self, module: str, old: str) -> None:
        """Make the two changes fit that were green alone: `old` has another name in `module` by now."""
        tell(f"the failing test says that {module} has no {old}: who calls it, and what is it called now?")
        self.pace.wait(2)
        source = Path(*module.split(".")).with_suffix(".py")
        self.await_both(source, old)
        new = successor(source, old)
        tell(f"git log says it is {new} now")
        self.rename(Step("rename", f"{old} {new}", 4, 0, ""))
        self.test(Step("test", "", 1, 0, ""))
        self.commit(Step("commit", f"Call {new}, as {old} is named now", 0, 0, ""))

    def await_both(self, source: Path, old: str) -> None:
        """Wait until this branch holds both changes; Aurora mostly has seen to that before."""
        deadline = time.monotonic() + PATIENCE
        while f"def {old}(" in source.read_text(encoding="utf-8") or not users_of(old):
            if time.monotonic() > deadline:
                raise Stuck(f"{TARGET} does not hold the other change yet")
            time.sleep(BEAT)
            git("merge", "-q", "--no-edit", TARGET)


def successor(source: Path, old: str) -> str:
    """What the function `old` of `source` is called now, from the commit that took the name away."""
    patch = git("log", "-1", "-p", "--format=", f"-Sdef {old}(", "--", str(source))
    found = re.search(rf"^-def {re.escape(old)}\(.*\n(?:[-+].*\n)*?\+def (\w+)\(", patch, re.MULTILINE)
    if not found:
        raise Stuck(f"nothing says what became of {old}")
    return found[1]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The scripted agent of `aurora demo`.")
    parser.add_argument("--speed", type=float, default=float(os.environ.get("AURORA_DEMO_SPEED", "1")))
    parser.add_argument("prompt_file", type=Path)
    return parser.parse_args()


def work(task: str, attempt: int, prompt: str, pace: Pace) -> None:
    """Do the task, or on a later attempt what the failing tests ask for."""
    agent = Agent(pace, attempt)
    missing = MISSING.search(prompt) if attempt > 1 else None
    if missing:
        agent.repair(missing[1], missing[2])
    else:
        play = Path(__file__).parent / "plays" / f"{task}.play"
        agent.play(parse(play.read_text(encoding="utf-8")))


def main() -> int:
    """0 when the work is done and green, 1 when the agent is stuck, 2 when nobody said what to do."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    options = arguments()
    task, attempt = os.environ.get("AURORA_TASK", ""), int(os.environ.get("AURORA_ATTEMPT") or 1)
    if not (Path(__file__).parent / "plays" / f"{task}.play").is_file():
        print(f"no play for the task {task!r} (AURORA_TASK)", file=sys.stderr)
        return 2
    os.environ["AURORA_DEMO_SPEED"] = str(options.speed)
    tell(f"task {task}, attempt {attempt}")
    try:
        work(task, attempt, options.prompt_file.read_text(encoding="utf-8"), Pace(options.speed))
    except (Stuck, OSError) as problem:
        tell(f"stuck: {problem}")
        return 1
    tell("done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
