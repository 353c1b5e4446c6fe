"""aurora.yaml: the one sentence a person gets for every way it can be wrong."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_file import load, refused, task, write

from engine.config import load_plan, problems
from engine.config_lines import MAX_BYTES
from engine.config_names import branch_problem
from engine.errors import ConfigError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs.md").write_text("Write the docs.\n")
    return tmp_path


# --- one sentence for everything wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_concurency: 3", "aurora.yaml:1: max_concurency: unknown key; did you mean `max_concurrency`?"),
        ("\nmax_concurrency: many", "aurora.yaml:2: max_concurrency: should be a whole number, not `many`"),
        ("retries: true", "aurora.yaml:1: retries: should be a whole number, not true"),
        ("retries: -1", "aurora.yaml:1: retries: should be 0 or more, not the number -1"),
        ("max_concurrency: 0", "aurora.yaml:1: max_concurrency: should be 1 or more, not the number 0"),
        ("workers: 0", "aurora.yaml:1: workers: should be a whole number from 1 to 256, or auto"),
        ("on_collision: stop", "aurora.yaml:1: on_collision: unknown key here; `on_collision` belongs under `locks`"),
        (
            "locks: {on_collision: frezze}",
            "aurora.yaml:1: locks.on_collision: should be freeze, allow or stop, not `frezze`; did you mean `freeze`?",
        ),
        ("locks: []", "aurora.yaml:1: locks: should be a mapping of keys to values, not a list"),
        ("setup: npm ci", "aurora.yaml:1: setup: should be a list, not `npm ci`"),
        ("setup:\n- a\n- [b]", "aurora.yaml:3: setup[1]: should be text, not a list"),
        ("setup:\n- a\n-", "aurora.yaml:3: setup[1]: should be text, not nothing"),
        ("integration_test: ' '", "aurora.yaml:1: integration_test: should not be blank"),
        ("budget: {usd: 0}", "aurora.yaml:1: budget.usd: should be more than 0, not the number 0"),
        ("budget: {usd: .inf}", "aurora.yaml:1: budget.usd: should be a number, not the number inf"),
        ("budget: {tokens: 1.5}", "aurora.yaml:1: budget.tokens: should be a whole number, not the number 1.5"),
        ("branch_prefix: 'my branch/'", "aurora.yaml:1: branch_prefix: git allows no such branch name"),
        ("branch_prefix: main/", "aurora.yaml:1: branch_prefix: git cannot have the branch `main` and branches that"),
        ("target: a..b", "aurora.yaml:1: target: git allows no such branch name"),
        ("heavy: [./gradlew]", "aurora.yaml:1: heavy[0]: should start with the plain name of a program on PATH"),
        ("locks: {shared: [../x]}", "aurora.yaml:1: locks.shared[0]: `../x` has a `.` or `..` name"),
        ("agent: cluade", "aurora.yaml:1: agent: unknown agent `cluade`; did you mean `claude`?"),
        ("agents: {x: {}}", "aurora.yaml:1: agents.x: needs a `preset` or a `command`"),
        (
            "agents: {x: {preset: gemni}}",
            "aurora.yaml:1: agents.x.preset: unknown preset `gemni`; did you mean `gemini`?",
        ),
        ("agents: {x: {preset: qwen, command: x}}", "aurora.yaml:1: agents.x: needs one of `preset` and `command`"),
        ("agents: {x: {command: a, args: [b]}}", "aurora.yaml:1: agents.x.args: belongs to a preset"),
        ("agents: {x: {command: \"a '{prompt}'\"}}", "aurora.yaml:1: agents.x.command: {prompt} stands inside quotes"),
        ("agents: {x y: {command: a}}", "aurora.yaml:1: agents.x y: a name is made of letters"),
        ("agents: {x: {command: a, max_parallel: 0}}", "aurora.yaml:1: agents.x.max_parallel: should be 1 or more"),
        (
            "contracts: {c: {files: [], by: a}}\n" + task(),
            "aurora.yaml:1: contracts.c.files: should have at least one item",
        ),
        ("contracts: {c: {files: [x]}}\n" + task(), "aurora.yaml:1: contracts.c.by: this key is needed here"),
        (
            "contracts: {c: {files: [x], by: aa}}\n" + task(),
            "aurora.yaml:1: contracts.c.by: unknown task `aa`; did you mean `a`",
        ),
        (
            "contracts:\n  x-1: {files: [x], by: a}\n  x_1: {files: [y], by: a}\n" + task(),
            "aurora.yaml:3: contracts.x_1: has the same variable AURORA_CONTRACT_X_1 as `x-1`",
        ),
        ("tasks:\n- prompt: p", "aurora.yaml:2: tasks[0].id: this key is needed here and has no value"),
        ("tasks:\n- prompt: p\n  id:", "aurora.yaml:3: tasks[0].id: this key is needed here and has no value"),
        ("tasks:\n- just text", "aurora.yaml:2: tasks[0]: should be a mapping of keys to values, not `just text`"),
        ("tasks:\n- id: a", "aurora.yaml:2: tasks[0]: needs exactly one of `prompt` and `prompt_file`"),
        (task(prompt_file="docs.md"), "aurora.yaml:2: tasks[0]: needs exactly one of `prompt` and `prompt_file`"),
        (task(prompt=5), "aurora.yaml:2: tasks[0].prompt: should be text, not the number 5"),
        (task(heavy="yes"), "aurora.yaml:2: tasks[0].heavy: should be true or false, not `yes`"),
        (task(timeout="5 minutes"), "aurora.yaml:2: tasks[0].timeout: should be a time such as 90s, 20m or 1h30m"),
        (task(file=["x"]), "aurora.yaml:2: tasks[0].file: unknown key; did you mean `files`?"),
        (task(files="src/**"), "aurora.yaml:2: tasks[0].files: should be a list, not `src/**`"),
        (task(files=["x", "../x"]), "aurora.yaml:2: tasks[0].files[1]: `../x` has a `.` or `..` name"),
        (task(shared=["/etc/passwd"]), "aurora.yaml:2: tasks[0].shared[0]: `/etc/passwd` is an absolute path"),
        (task(reads=["~/x"]), "aurora.yaml:2: tasks[0].reads[0]: `~/x` is an absolute path"),
        (task(reads=["!x"]), "aurora.yaml:2: tasks[0].reads[0]: `!x` negates"),
        (
            task(after=["b"]) + "- {id: bb, prompt: p}",
            "aurora.yaml:2: tasks[0].after[0]: unknown task `b`; did you mean `bb`?",
        ),
        (task(agent="codx"), "aurora.yaml:2: tasks[0].agent: unknown agent `codx`; did you mean `codex`?"),
        (task(implements=["api"]), "aurora.yaml:2: tasks[0].implements[0]: unknown contract `api`"),
        (task(consumes=["api"]), "aurora.yaml:2: tasks[0].consumes[0]: unknown contract `api`"),
        (task() + "- {id: a, prompt: p}", "aurora.yaml:3: tasks[1].id: tasks[0] has the id `a` too"),
        (
            task() + "- {id: A, prompt: p}",
            "aurora.yaml:3: tasks[1].id: the id `A` differs from that of tasks[0] only in case",
        ),
        (task(id="a/b"), "aurora.yaml:2: tasks[0].id: an id is made of letters"),
        (task(id="a..b"), "aurora.yaml:2: tasks[0].id: an id cannot contain `..`"),
        (task(id="a.lock"), "aurora.yaml:2: tasks[0].id: an id cannot contain `..` or end in `.` or `.lock`"),
        ("branch_prefix: ''\n" + task(id="main"), "aurora.yaml:3: tasks[0].id: its branch `main` would clash"),
    ],
)
def test_the_sentence_names_file_line_and_key(root: Path, text: str, message: str) -> None:
    assert refused(root, text).message.startswith(message)


def test_an_unknown_key_far_from_all_gets_the_list_of_valid_ones(root: Path) -> None:
    error = refused(root, "budget: {zzzzzz: 1}")
    valid = "valid keys here: usd, tokens, per_task, per_attempt, at_limit"
    assert (error.message, error.hint) == ("aurora.yaml:1: budget.zzzzzz: unknown key", valid)


def test_a_misspelt_required_key_is_one_problem(root: Path) -> None:
    found = problems(write(root, "tasks:\n- {idd: a, prompt: p}"), root=root)
    assert found == ["aurora.yaml:2: tasks[0].idd: unknown key; did you mean `id`?"]


def test_the_first_by_line_is_told_and_the_rest_counted(root: Path) -> None:
    text = "retries: x\n" + task(after=["zz"]) + "budgett: {}\n"
    path = write(root, text)
    error = refused(root, text)
    assert error.message == "aurora.yaml:1: retries: should be a whole number, not `x` (and 1 more)"
    assert error.hint == "`aurora check` lists all of them"
    assert [line.split(": ")[1] for line in problems(path, root=root)] == ["retries", "budgett"]


def test_wrong_keys_of_tasks_do_not_hide_wrong_names(root: Path) -> None:
    found = problems(write(root, task(after=["zz"], prioriy=1)), root=root)
    assert [line.split(": ")[1] for line in found] == ["tasks[0].after[0]", "tasks[0].prioriy"]


def test_the_target_must_come_from_somewhere(root: Path) -> None:
    with pytest.raises(ConfigError, match="`target` is missing"):
        load_plan(write(root, "retries: 1"), root=root, target=None)
    assert load_plan(write(root, "target: x"), root=root, target=None).settings.target == "x"
    assert problems(root / "aurora.yaml", root=root) == []


def test_key_paths_never_carry_escape_sequences(root: Path) -> None:
    message = refused(root, r'"\e[31mred": 1').message
    assert message.isprintable()
    assert r"\x1b[31mred" in message


# --- cycles and contracts -------------------------------------------------------------------------------------------


def test_a_cycle_is_drawn_with_the_line_of_its_first_task(root: Path) -> None:
    text = """\
tasks:
- {id: free, prompt: p, after: [a]}
- {id: a, prompt: p, after: [b]}
- {id: b, prompt: p, after: [a]}
"""
    error = refused(root, text)
    assert error.message.startswith("aurora.yaml:3: tasks[1].after: ")
    assert "a -> b -> a" in error.message or "b -> a -> b" in error.message


def test_a_cycle_through_a_contract_is_found(root: Path) -> None:
    text = """\
contracts: {api: {files: [api.json], by: spec}}
tasks:
- {id: spec, prompt: p, after: [impl]}
- {id: impl, prompt: p, implements: [api]}
"""
    assert refused(root, text).message.startswith("aurora.yaml:3: tasks[0].after: ")
    fine = text.replace(", after: [impl]", ", implements: [api]")
    assert load(root, fine).dependencies(load(root, fine).tasks[0]) == ()


def test_a_task_that_waits_for_itself(root: Path) -> None:
    assert refused(root, task(after=["a"])).message.startswith("aurora.yaml:2: tasks[0].after: ")


# --- prompt files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.md", "`missing.md` does not exist"),
        ("empty.md", "`empty.md` is empty"),
        ("binary.md", "`binary.md` is a binary file, not text"),
        ("latin.md", "`latin.md` is not UTF-8 text (line 2)"),
        ("big.md", "`big.md` is larger than 1,000,000 bytes"),
        ("folder", "`folder` is a directory, not a file"),
        ("pipe", "`pipe` is not a regular file"),
        ("../outside.md", "`../outside.md` is outside the repository"),
        ("link.md", "`link.md` is outside the repository"),
        ("loop.md", "`loop.md` cannot be read"),
        ("/etc/hostname", "`/etc/hostname` is an absolute path"),
        ("~/x.md", "`~/x.md` is an absolute path"),
    ],
)
def test_prompt_files_that_cannot_be_used(tmp_path: Path, name: str, words: str) -> None:
    root = tmp_path / "repo"
    (root / "folder").mkdir(parents=True)
    (root / "empty.md").write_text(" \n")
    (root / "binary.md").write_bytes(b"a\0b")
    (root / "latin.md").write_bytes(b"a\n\xe9\n")
    (root / "big.md").write_bytes(b"x" * (MAX_BYTES + 1))
    (tmp_path / "outside.md").write_text("secret")
    (root / "link.md").symlink_to(tmp_path / "outside.md")
    (root / "loop.md").symlink_to("loop.md")
    os.mkfifo(root / "pipe")
    error = refused(root, "tasks:\n- {id: a, prompt_file: " + name + "}\n")
    assert error.message.startswith(f"aurora.yaml:2: tasks[0].prompt_file: {words}")


def test_prompt_files_are_relative_to_the_plan_and_stay_in_the_repository(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    write(root, "Hello", "prompts/a.md")
    plan = write(root, "tasks: [{id: a, prompt_file: ../prompts/a.md}]", "plans/one.yaml")
    assert load_plan(plan, root=root, target="main").tasks[0].prompt == "Hello"
    elsewhere = write(tmp_path, "tasks: [{id: a, prompt_file: ../x.md}]", "plans/two.yaml")
    assert "is outside the repository" in problems(elsewhere, root=root)[0]


def test_a_prompt_must_fit_where_it_travels(root: Path) -> None:
    (root / "long.md").write_text("word " * 25_000)
    error = refused(root, "tasks: [{id: a, prompt_file: long.md}]")
    assert error.message == (
        "aurora.yaml:1: tasks[0].prompt_file: is longer than the 101,071 bytes that fit on the command line of "
        "agent claude"
    )
    assert load(root, "agents: {x: {command: 'y {prompt_file}'}}\ntasks: [{id: a, prompt_file: long.md}]")


# --- files that are no configuration at all -------------------------------------------------------------------------


def test_a_missing_or_empty_file_says_how_to_get_one(root: Path) -> None:
    for path in (root / "aurora.yaml", write(root, " \n", "empty.yaml"), write(root, b"", "nothing.yaml")):
        with pytest.raises(ConfigError) as caught:
            load_plan(path, root=root, target="main")
        assert caught.value.hint == "`aurora init` writes one to start from"
        assert problems(path, root=root) == [f"{caught.value.message} ({caught.value.hint})"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\x7fELF\0\0", "aurora.yaml: the file is a binary file, not text"),
        (b"a: \xff", "aurora.yaml: the file is not UTF-8 text (line 1)"),
        (b"x" * (MAX_BYTES + 1), "aurora.yaml: the file is larger than 1,000,000 bytes"),
        (b"# only a comment\n", "aurora.yaml:1: the top level must be a mapping"),
        (b"- a\n- b\n", "aurora.yaml:1: the top level must be a mapping"),
        (b"\nhello\n", "aurora.yaml:2: the top level must be a mapping"),
        (b"a: 1\n---\nb: 2\n", "aurora.yaml:2: this is not YAML: expected a single document"),
        (b"a: 1\nb: \x1b[31m\n", "aurora.yaml:2: a control character ('\\x1b') stands in the file"),
        (b"tasks:\n\t- id: a\n", "aurora.yaml:2: a tab stands in the indentation"),
        (b"tasks:\n  - id: a\n\tprompt: b\n", "aurora.yaml:3: a tab stands in the indentation"),
        (b"setup:\n  - a: b: c\n", "aurora.yaml:2: this is not YAML: mapping values are not allowed"),
        (b"setup: [a\n", "aurora.yaml:2: this is not YAML: while parsing a flow sequence"),
        (b"agent: @x\n", "aurora.yaml:1: this is not YAML: while scanning for the next token"),
        (b"locks: {shared: [*.lock]}\n", "aurora.yaml:1: this is not YAML: "),
        (b"? [a]\n: b\n", "aurora.yaml:1: this is not YAML: "),
        (b'setup: ["\\0"]\n', "aurora.yaml:1: a NUL or half a character stands in the text"),
    ],
)
def test_what_cannot_be_read_as_yaml(root: Path, text: bytes, message: str) -> None:
    assert refused(root, text).message.startswith(message)


def test_a_directory_and_an_unreadable_file(root: Path) -> None:
    (root / "folder.yaml").mkdir()
    (root / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(root / "pipe.yaml")
    assert problems(root / "folder.yaml", root=root) == ["folder.yaml: the file is a directory, not a file"]
    assert problems(root / "pipe.yaml", root=root) == ["pipe.yaml: the file is not a regular file"]
    assert problems(root / "loop.yaml", root=root)[0].startswith("loop.yaml: the file cannot be read (")


def test_a_duplicate_key_names_both_lines(root: Path) -> None:
    assert refused(root, "retries: 1\nsetup: []\nretries: 2\n").message == (
        "aurora.yaml:3: retries: this key is given twice (first on line 1)"
    )
    assert "tasks[0].id: this key is given twice" in refused(root, "tasks: [{id: a, 'id': b, prompt: p}]").message


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!include", "!!binary"])
def test_a_tag_never_runs_anything(root: Path, tag: str) -> None:
    error = refused(root, f"tasks: []\nsetup: {tag} ['touch {root}/pwned']\n")
    assert error.message.startswith("aurora.yaml:2: the YAML tag ")
    assert not (root / "pwned").exists()


def test_yaml_bombs_are_refused_at_once(root: Path) -> None:
    laughs = ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    merges = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60)]
    chain = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 900)]
    bombs = {
        "\n".join(laughs): "with its aliases written out this would be far too large",
        "\n".join(merges): "with its aliases written out this would be far too large",
        "\n".join(chain): "with its aliases written out this would be far too large",
        "a: &a [x]\nb: [" + "*a, " * 1001 + "]": "more than 1,000 aliases",
        "a: &a [*a]": "an alias contains itself",
        "a: " + "[" * 100_000: "values are nested more than 64 deep",
        "a: &a {b: *a}": "an alias contains itself",
    }
    for text, words in bombs.items():
        started = time.monotonic()
        assert words in refused(root, text).message
        assert time.monotonic() - started < 5


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab:- \n\t[]{},'\"&*<!|>#?@%01~.=é\u2028\x85\x7f"), max_size=40))
def test_no_text_at_all_gives_anything_but_sentences(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.getbasetemp()
    for whole in (text, "tasks:\n- id: a\n  " + text):
        for sentence in problems(write(root, whole), root=root):
            assert "aurora.yaml" in sentence


def test_a_plan_of_a_thousand_tasks_reads_quickly(root: Path) -> None:
    lines = [f"- {{id: t{n}, prompt: p, files: [src/m{n}/**], after: [t{max(0, n - 1)}]}}" for n in range(1, 1000)]
    started = time.process_time()
    plan = load(root, "tasks:\n- {id: t0, prompt: p}\n" + "\n".join(lines))
    assert len(plan.tasks) == 1000
    assert time.process_time() - started < 5


# --- names ----------------------------------------------------------------------------------------------------------

BRANCHES = [
    "main",
    "a/b",
    "a.b",
    "a-b",
    "a@b",
    "@",
    "a//b",
    "/a",
    "a/",
    "a.",
    "a..b",
    ".a",
    "a/.b",
    "a.lock",
    "a.lock/b",
]
BRANCHES += ["-a", "a b", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b", "a@{b", "a\x7fb", "ü/ß", "a.lockx", "HEAD"]


@pytest.mark.parametrize("branch", BRANCHES)
def test_branch_names_are_those_git_allows(branch: str, root: Path) -> None:
    allowed = subprocess.run(
        ["git", "check-ref-format", "--branch", branch], cwd=root, capture_output=True, check=False
    )
    assert (branch_problem(branch) is None) == (allowed.returncode == 0 and branch not in ("@", "HEAD"))
