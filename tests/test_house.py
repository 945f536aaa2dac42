"""The rules of the house that a linter does not know, each as a small walk over the syntax trees."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
SERVICE = sorted((ROOT / "service").rglob("*.py"))
EVERYTHING = [*SERVICE, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]

# Where a transaction may end, and why there.
MAY_COMMIT = {
    "service/core/http/unit.py": "the request's unit of work",
    "service/core/http/routing.py": "asks the unit of work to, after the answer was rendered and before it is sent",
    "service/core/http/idempotency.py": "releases the savepoint around an operation whose refusal is kept",
    "service/core/http/auth.py": "notes a key's last use apart from the request it came with",
}
# Where SQL may be written besides store.py and tables.py, and why there.
MAY_HOLD_SQL = {
    "service/core/migrations.py": "the lock that keeps replicas from migrating at the same time",
}
SQL_FUNCTIONS = {"select", "text", "insert", "update", "delete", "literal_column"}
METHODS = {"get", "post", "put", "patch", "delete", "head", "api_route"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def is_sql_home(path: Path) -> bool:
    return path.name == "tables.py" or path.stem.endswith("store") or path.parent.name == "store"


def is_route(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    decorators = (d.func for d in function.decorator_list if isinstance(d, ast.Call))
    return any(
        isinstance(d, ast.Attribute) and d.attr in METHODS and "router" in ast.unparse(d.value) for d in decorators
    )


def statements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return sum(isinstance(node, ast.stmt) for statement in body for node in ast.walk(statement))


def test_rooms_know_only_the_rooms_below_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0, capsys.readouterr().out


def test_only_the_machine_imports_python_statemachine() -> None:
    importers = [name(p) for p in SERVICE if re.search(r"^\s*(from|import) statemachine", p.read_text(), re.MULTILINE)]
    assert importers == ["service/lifecycle/machine.py"]


def test_transactions_end_in_one_place() -> None:
    found = {
        name(p) for p in SERVICE for c in calls(p) if isinstance(c.func, ast.Attribute) and c.func.attr == "commit"
    }
    assert found - set(MAY_COMMIT) == set()


def test_sql_lives_in_stores() -> None:
    found = {
        f"{name(path)}:{call.lineno} {call.func.id}"
        for path in SERVICE
        if not is_sql_home(path) and name(path) not in MAY_HOLD_SQL
        for call in calls(path)
        if isinstance(call.func, ast.Name)
        and call.func.id in SQL_FUNCTIONS
        and imports_from_sqlalchemy(path, call.func.id)
    }
    assert found == set()


def imports_from_sqlalchemy(path: Path, function: str) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("sqlalchemy")
        and any(alias.name == function for alias in node.names)
        for node in ast.walk(tree(path))
    )


def test_route_bodies_are_thin() -> None:
    found = [
        f"{name(path)}:{function.lineno} {function.name}"
        for path in SERVICE
        for function in functions(path)
        if is_route(function) and statements(function) > 6
    ]
    assert found == []


def test_dependencies_stay_on_the_loop() -> None:
    """FastAPI sends a synchronous dependency through a thread, which costs more than most of them do."""
    found = []
    for path in SERVICE:
        asked = {c.args[0].id for c in calls(path) if is_depends(c) and c.args and isinstance(c.args[0], ast.Name)}
        found += [
            f"{name(path)}:{f.lineno}" for f in functions(path) if f.name in asked and isinstance(f, ast.FunctionDef)
        ]
    assert found == []


def is_depends(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in {"Depends", "Security"}


def test_files_have_one_job() -> None:
    assert [name(p) for p in EVERYTHING if len(p.read_text(encoding="utf-8").splitlines()) >= 350] == []


def test_nothing_is_left_unfinished() -> None:
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|NotImplemented" r"Error")
    assert [name(p) for p in EVERYTHING if marks.search(p.read_text(encoding="utf-8"))] == []


def test_time_comes_from_the_clock() -> None:
    direct = re.compile(r"datetime\.(now|utcnow)\(|date\.today\(")
    found = [name(p) for p in SERVICE if direct.search(p.read_text()) and name(p) != "service/core/clock.py"]
    assert found == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [project["project"]["dependencies"], *project["dependency-groups"].values()]
    named = {re.match(r"[\w-]+", requirement)[0] for group in groups for requirement in group}
    explained = set(re.findall(r"^\| ([a-z][\w-]+) \|", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE))
    assert named == explained - {"package"}


def test_allowed_exceptions_still_exist() -> None:
    assert [path for path in [*MAY_COMMIT, *MAY_HOLD_SQL] if not (ROOT / path).exists()] == []


def test_a_worker_carries_no_routes() -> None:
    loaded = "import sys, service.worker; print(*(name for name in sys.modules if name.startswith('service.')))"
    told = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "service.worker" in told
    assert [name for name in told.split() if "rout" in name.rpartition(".")[2]] == []
