"""Makes the pictures in this folder from the real app at work on the demo: `python screenshots/make.py`.

SVG always; PNG too where Chromium is installed (with the fonts Fira Code and DejaVu, the pictures look as intended).
"""

from __future__ import annotations

import asyncio
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ["COLORTERM"] = "truecolor"

from textual.pilot import Pilot

from aurora_tui.app import AuroraApp
from aurora_tui.demo.builder import build
from aurora_tui.opening import open_run
from aurora_tui.screens.conflict import ConflictScreen
from aurora_tui.terminal import DARK, LIGHT, Profile
from engine.model import TaskState

HERE = Path(__file__).parent
DEADLINE = 90.0
Shooter = Callable[[str], None]
Maker = Callable[[Path], Path]
Scene = Callable[[Pilot[object], AuroraApp, Shooter], Awaitable[None]]


async def until(pilot: Pilot[object], what: Callable[[], object]) -> None:
    """Wait for a moment of the demo."""
    end = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < end, "the moment of the picture never came"
        await pilot.pause(0.03)


def demo(folder: Path) -> Path:
    """The repository of the demo."""
    return build(folder, 1.0).repo


def states(app: AuroraApp) -> dict[str, TaskState]:
    """The state of every task on the screen."""
    return {task.id: task.state for task in app.main.moment.snapshot.tasks} if app.main.moment else {}


async def wide(pilot: Pilot[object], app: AuroraApp, shoot: Shooter) -> None:
    """The whole screen in the middle of the demo, and closer looks."""
    await until(pilot, lambda: states(app).get("backend") is TaskState.RUNNING)
    await until(pilot, lambda: any(w.task == "backend" for w in app.main.moment.snapshot.workers))
    await select(pilot, app, "1", "backend")
    await until(pilot, lambda: states(app).get("docs") is TaskState.PAUSED)
    await until(pilot, lambda: app.diffs.latest is not None and len(app.diffs.latest.files) > 0)
    await pilot.pause(2)
    shoot("main")
    await pilot.press("3", "g")
    await pilot.pause(0.6)
    shoot("locks")
    await pilot.press("2")
    await pilot.pause(0.4)
    shoot("queue")
    await pilot.press("question_mark")
    await pilot.pause(0.4)
    shoot("help")
    await pilot.press("escape")
    await select(pilot, app, "1", "frontend")
    await pilot.press("0", "z", "v")
    await until(pilot, lambda: app.diffs.latest is not None and len(app.diffs.latest.files) > 1)
    await pilot.press("n")
    await pilot.pause(0.6)
    shoot("diff")
    await pilot.press("escape", "escape")


async def narrow(pilot: Pilot[object], app: AuroraApp, shoot: Shooter) -> None:
    """80 columns: one pane at a time."""
    await until(pilot, lambda: states(app).get("frontend") is TaskState.RUNNING)
    await pilot.pause(3)
    shoot("80x24")


async def light(pilot: Pilot[object], app: AuroraApp, shoot: Shooter) -> None:
    """The light theme."""
    await until(pilot, lambda: states(app).get("frontend") is TaskState.RUNNING)
    await select(pilot, app, "1", "frontend")
    await until(pilot, lambda: app.diffs.latest is not None and app.diffs.latest.files)
    await pilot.pause(1)
    shoot("light")


async def conflict(pilot: Pilot[object], app: AuroraApp, shoot: Shooter) -> None:
    """Two tasks changed the same lines; half of it is settled."""
    await until(pilot, lambda: TaskState.CONFLICT in states(app).values())
    await pilot.pause(0.5)
    await pilot.press("4", "g", "c")
    await until(pilot, lambda: isinstance(app.screen, ConflictScreen))
    await pilot.pause(0.5)
    await pilot.press("o", "B", "right_square_bracket", "left_square_bracket", "left_square_bracket")
    await pilot.pause(0.5)
    for note in list(app._notifications):
        app._unnotify(note)
    await pilot.pause(0.5)
    shoot("conflict")
    await pilot.press("escape")


def two_at_once(folder: Path) -> Path:
    """A repository in which two tasks change the same function; its folder."""
    root = folder / "shop"
    root.mkdir()
    body = "".join(f"    total += prices.get(items[{n}], 0)\n" for n in range(24))
    text = f"def checkout(items, prices):\n    total = 0\n{body}    return total\n"
    (root / "checkout.py").write_text(text, encoding="utf-8")
    for name in ("vat", "discount"):
        rate = "1.19" if name == "vat" else "0.90"
        edit = f"s/total = 0$/total = Money(0, '{'EUR' if name == 'vat' else 'USD'}')/; "
        edit += f"s/^.*items.12.*$/    {name} = {name}_for(items)\\n    total += {name}\\n    log({name}=total)/; "
        edit += f"s/return total$/return round(total * {rate}, 2)/"
        wait = "sleep 0.5; " if name == "vat" else "sleep 1.5; "
        (folder / f"{name}.sh").write_text(f'{wait}sed -i "{edit}" checkout.py\n', encoding="utf-8")
    plan = [
        f"agent: script\nagents: {{script: {{command: 'sh {folder}/$AURORA_TASK.sh'}}}}\nworkers: 2\ntasks:",
        "  - {id: vat, prompt: Add the value added tax, shared: [checkout.py]}",
        "  - {id: discount, prompt: Give regulars a discount, shared: [checkout.py]}",
    ]
    (root / "aurora.yaml").write_text("\n".join(plan) + "\n", encoding="utf-8")
    for words in ("init -q -b main", "add -A", "-c user.name=Ada -c user.email=ada@example.org commit -qm start"):
        subprocess.run(["git", *words.split(" ")], cwd=root, check=True)
    return root


async def contracts(pilot: Pilot[object], app: AuroraApp, shoot: Shooter) -> None:
    """A branch changes a frozen contract while its consumer works against the mock."""
    await until(pilot, lambda: states(app).get("backend") is TaskState.CONFLICT)
    await until(pilot, lambda: any(m.state == "healthy" for c in app.main.moment.snapshot.contracts for m in c.mocks))
    await pilot.press("5", "j")
    await until(pilot, lambda: app.diffs.breaches.found)
    for note in list(app._notifications):
        app._unnotify(note)
    await pilot.pause(1.2)
    shoot("contracts")


def an_interface(folder: Path) -> Path:
    """A repository whose plan has a contract that one branch does not keep; its folder."""
    root = folder / "shop"
    (root / "tools").mkdir(parents=True)
    (root / "contracts").mkdir()
    (root / "README.md").write_text("# A shop\n", encoding="utf-8")
    (root / "tools" / "mock.py").write_text(MOCK, encoding="utf-8")
    for name, script in CONTRACT_AGENTS.items():
        (folder / f"{name}.sh").write_text(script, encoding="utf-8")
    agent = f"agent: script\nagents: {{script: {{command: 'sh {folder}/$AURORA_TASK.sh'}}}}\n"
    (root / "aurora.yaml").write_text(agent + CONTRACT_PLAN, encoding="utf-8")
    for words in ("init -q -b main", "add -A", "-c user.name=Ada -c user.email=ada@example.org commit -qm start"):
        subprocess.run(["git", *words.split(" ")], cwd=root, check=True)
    return root


MOCK = """import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Orders(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"id": 1, "status": "new"}')


HTTPServer(("127.0.0.1", int(os.environ["AURORA_PORT"])), Orders).serve_forever()
"""
ORDERS = """openapi: 3.1.0
info:
  title: Orders
  version: 1.0.0
paths:
  /orders/{id}:
    get:
      responses:
        '200': {description: The order}
components:
  schemas:
    Order:
      type: object
      required: [id, status]
      properties:
        id: {type: integer}
        status: {type: string}
"""
CONTRACT_AGENTS = {
    "spec": f"mkdir -p contracts; cat > contracts/orders.yaml <<'END'\n{ORDERS}END\n",
    "billing-spec": "sleep 60\n",
    "backend": (
        "echo 'reading the contract'; sleep 2; echo 'def order(id): ...' > orders.py; "
        "sed -i 's/required: .*/required: [id, state]/; s/  status: .*/  state: {type: string, enum: [new, paid]}/; "
        "s/version: 1.0.0/version: 1.1.0/' contracts/orders.yaml\n"
    ),
    "frontend": "echo 'asking the mock for order 1'; sleep 2; echo 'show(order.status)' > orders.js; sleep 60\n",
    "mobile": "echo 'a list of orders'; sleep 3; echo 'List(orders)' > Orders.kt; sleep 60\n",
}
CONTRACT_PLAN = """workers: 4
contracts:
  orders-api:
    files: [contracts/orders.yaml]
    by: spec
    check: grep -q openapi contracts/orders.yaml
    mock: python3 tools/mock.py
    verify: python3 -m pytest tests/contract
  billing-api:
    files: [contracts/billing.yaml]
    by: billing-spec
tasks:
  - {id: spec, prompt: Define the orders API, files: [contracts/orders.yaml]}
  - {id: billing-spec, prompt: Define the billing API, files: [contracts/billing.yaml]}
  - {id: backend, prompt: Serve orders as the contract says, files: [orders.py], implements: [orders-api]}
  - {id: frontend, prompt: Show orders, files: [orders.js], consumes: [orders-api]}
  - {id: mobile, prompt: List orders in the app, files: [Orders.kt], consumes: [orders-api]}
  - {id: invoices, prompt: Send invoices, files: [invoices.py], implements: [billing-api], after: [backend]}
"""


async def select(pilot: Pilot[object], app: AuroraApp, pane: str, task: str) -> None:
    """Put the cursor on a worker's task."""
    await pilot.press(pane, "g")
    for _ in range(8):
        if app.main.shown_task == task:
            return
        await pilot.press("j")
        await pilot.pause(0.1)


async def film(scene: Scene, size: tuple[int, int], theme: str, made_by: Maker) -> list[Path]:
    """Run the demo through a scene; the SVG files it made."""
    made: list[Path] = []
    with tempfile.TemporaryDirectory(prefix="aurora-pictures-", ignore_cleanup_errors=True) as folder:
        os.environ["AURORA_HOST_ROOT"] = folder  # however busy this machine is, the one in the picture is not
        os.chdir(made_by(Path(folder)))
        app = AuroraApp(open_run, Profile(False, theme, 8.0, 8.0, 240))

        def shoot(name: str) -> None:
            path = HERE / f"{name}.svg"
            path.write_text(without_fonts(app.export_screenshot(title="aurora")), encoding="utf-8")
            made.append(path)

        async with app.run_test(size=size, notifications=True) as pilot:
            await scene(pilot, app, shoot)
            assert app.bridge is not None
            assert app.bridge.opened.own is not None
            from engine.intents import Shutdown

            app.bridge.opened.own.send(Shutdown(at=time.time(), mode="stop"))
            await asyncio.to_thread(app.bridge.opened.own.wait, 30)
        os.chdir(HERE)
    return made


def without_fonts(svg: str) -> str:
    """The picture without references to fonts on other hosts."""
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code", "Fira Code, DejaVu Sans Mono")


def to_png(svg: Path) -> None:
    """The picture as PNG, by Chromium."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        return
    text = svg.read_text(encoding="utf-8")
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    assert box is not None
    width, height = (round(float(side)) + 1 for side in box.groups())
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        head = f"<meta charset=utf-8><title>{html.escape(svg.stem)}</title><style>body{{margin:0}}</style>"
        page.write_text(head + text, encoding="utf-8")
        options = [
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"),
            f"--window-size={width},{height}",
            f"--user-data-dir={folder}/profile",
            f"--screenshot={svg.with_suffix('.png')}",
        ]
        subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True, timeout=120)


def main() -> None:
    """All pictures."""
    scenes: tuple[tuple[Scene, tuple[int, int], str, Maker], ...] = (
        (wide, (130, 38), DARK, demo),
        (narrow, (80, 24), DARK, demo),
        (light, (120, 34), LIGHT, demo),
        (conflict, (130, 38), DARK, two_at_once),
        (contracts, (130, 38), DARK, an_interface),
    )
    wanted = sys.argv[1:]
    for scene, size, theme, maker in scenes:
        if not wanted or scene.__name__ in wanted:
            for path in asyncio.run(film(scene, size, theme, maker)):
                to_png(path)


if __name__ == "__main__":
    main()
