"""Does the house stand as it was drawn? Floors, circles, who may import what, and the linters' word."""

import ast
import doctest
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "emaillab"

FLOORS = {
    "message": 0,
    "engine": 1,
    "protocol": 1,
    "net": 1,
    "host": 2,
    "readings": 3,
    "journey": 3,
    "world": 3,
    "worlds": 3,
    "diagrams": 4,
    "charts": 4,
    "widgets": 4,
    "course": 4,
    "notebook": 4,
    "display": 4,
    "cli": 5,
    "__main__": 5,
}
FACE = "emaillab"  # emaillab/__init__.py: what a notebook imports; the house itself does not
STRANGERS = [("protocol", "net")]  # neighbours that know nothing of each other

DRAWING = {"matplotlib", "ipywidgets", "anywidget", "IPython"}
# What a protocol may not know: how its bytes travel, and what time it is.
OUTSIDE_WORLD = {
    "asyncio",
    "concurrent",
    "multiprocessing",
    "select",
    "selectors",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
}
ASYNCIO_LIVES_IN = "emaillab.net.tcp"
CORE_DEPENDENCIES = {"dns", "webencodings"}  # dnspython, and the WHATWG's names of charsets
WEB_ROOMS = {
    "emaillab.host.webmail": {"flask", "jinja2", "werkzeug", "markupsafe"},
    "emaillab.protocol.http": {"h11"},
}
LONGEST_FILE = 500
MOST_FILES_BESIDE_EACH_OTHER = 21
# The rooms of message/: each imports only from those before it, as its docstring says.
ROOMS_OF_MESSAGE = ["octets", "header", "mime", "trace", "user_agent", "working", "authenticity"]


@dataclass(frozen=True, slots=True)
class Import:
    """One import as written: who imports what, on which line, and when."""

    source: str
    target: str
    line: int
    at_import_time: bool
    for_types_only: bool

    @property
    def where(self) -> str:
        return f"{self.source}, line {self.line}: imports {self.target}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(module: str) -> Iterator[Import]:
    """Read every import of a module from its source, without running it."""
    path = PATHS[module]

    def visit(node: ast.AST, now: bool, types: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, now, types)
        elif isinstance(node, ast.ImportFrom):
            base = resolve(module, path, node)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield Import(module, inner if inner in PATHS else base, node.lineno, now, types)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for typed in node.body:
                yield from visit(typed, now, True)
            for untyped in node.orelse:
                yield from visit(untyped, now, types)
        else:
            later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from visit(child, now and not later, types)

    yield from visit(ast.parse(path.read_bytes(), str(path)), True, False)


def resolve(module: str, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


IMPORTS = [found for module in PATHS for found in imports_of(module)]
INSIDE = [i for i in IMPORTS if i.target.split(".")[0] == FACE]
OUTSIDE = [i for i in IMPORTS if i.target.split(".")[0] != FACE]


def room(module: str) -> str:
    """Name the room a module is in: emaillab.host.store → host; the face is ''."""
    return module.split(".")[1] if "." in module else ""


def say(wrong: list[str]) -> None:
    assert not wrong, "\n" + "\n".join(wrong)


# -- Floors -------------------------------------------------------------------------------------------


def test_every_room_stands_on_a_floor() -> None:
    rooms = {room(module) for module in PATHS} - {""}
    say([f"emaillab/{name} is on no floor: enter it in FLOORS" for name in sorted(rooms - FLOORS.keys())])


def test_imports_go_downward() -> None:
    say(
        [
            f"{i.where}: up from floor {FLOORS[room(i.source)]} to floor {FLOORS[room(i.target)]}"
            for i in INSIDE
            if room(i.source) in FLOORS and room(i.target) in FLOORS
            if FLOORS[room(i.target)] > FLOORS[room(i.source)]
        ]
    )


def test_the_ground_floor_stands_alone() -> None:
    say([i.where for i in INSIDE if room(i.source) == "message" and room(i.target) != "message"])


def test_protocol_and_net_are_strangers() -> None:
    say([i.where for i in INSIDE for pair in STRANGERS if {room(i.source), room(i.target)} == set(pair)])


def test_the_face_is_for_notebooks() -> None:
    """Below the command nobody imports from `emaillab` itself; the face imports nothing until asked."""
    used = [i for i in INSIDE if i.target == FACE and FLOORS.get(room(i.source), 0) < FLOORS["cli"]]
    eager = [i for i in INSIDE if i.source == FACE and i.at_import_time and not i.for_types_only]
    say([i.where for i in [*used, *eager] if i.source != i.target])


def circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def test_no_circles_between_rooms() -> None:
    graph: dict[str, set[str]] = {}
    for i in INSIDE:
        a, b = room(i.source), room(i.target)
        if a and b and a != b:
            graph.setdefault(a, set()).add(b)
    assert not circle(graph), "in a circle: " + " → ".join(circle(graph))


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Find the sets of modules each of which reaches all others of its set. Source: Tarjan 1972."""
    found: list[set[str]] = []
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    waiting: list[str] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        waiting.append(module)
        for other in graph.get(module, ()):
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in waiting:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            begin = waiting.index(module)
            if len(waiting) - begin > 1:
                found.append(set(waiting[begin:]))
            del waiting[begin:]

    for module in graph:
        if module not in number:
            visit(module)
    return found


def test_no_circles_between_modules() -> None:
    """Whether they import each other at once, late, or for their types only: who needs whom is the same.

    A package's __init__ may gather names from its own modules; they do not import it back.
    """
    graph: dict[str, set[str]] = {}
    for i in INSIDE:
        if i.target in PATHS and i.target != i.source:
            graph.setdefault(i.source, set()).add(i.target)
    found = circles(graph)
    say(["in a circle: " + ", ".join(sorted(one)) for one in found])


def test_the_rooms_of_message_import_downward() -> None:
    def place(module: str) -> int:
        return ROOMS_OF_MESSAGE.index(module.split(".")[2])

    inside = [i for i in INSIDE if all(m.startswith("emaillab.message.") for m in (i.source, i.target))]
    say([f"{i.where}: up" for i in inside if place(i.target) > place(i.source)])
    say([f"{i.where}: its room, not a module of it" for i in inside if i.target.count(".") == 2])
    said = re.findall(
        r"^\d\. `(\w+)`", ast.get_docstring(ast.parse(PATHS["emaillab.message"].read_bytes())) or "", re.M
    )
    assert said == ROOMS_OF_MESSAGE


def test_no_folder_is_crowded() -> None:
    crowds = Counter(path.parent for path in PATHS.values())
    most = MOST_FILES_BESIDE_EACH_OTHER
    say([f"{folder.relative_to(ROOT)}: {n} files; are there rooms in it?" for folder, n in crowds.items() if n > most])


def test_a_host_knows_no_webmail() -> None:
    """Webmail is handed in from above; not even a late or a typed import of it stands in a host."""
    webmail = "emaillab.host.webmail"
    say([i.where for i in INSIDE if room(i.source) == "host" and webmail in i.target and webmail not in i.source])


def test_the_rooms_of_a_host_stand_in_no_circle() -> None:
    """Late and typed imports included."""
    graph: dict[str, set[str]] = {}
    for i in INSIDE:
        if room(i.source) == room(i.target) == "host" and i.target in PATHS and i.source != i.target:
            graph.setdefault(i.source, set()).add(i.target)
    assert not circle(graph), "in a circle: " + " → ".join(circle(graph))


# -- Who may know what --------------------------------------------------------------------------------


def asks_the_wall_clock(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in {"now", "utcnow", "today"}
        and ast.unparse(node.value).split(".")[-1] in {"datetime", "date"}
    )


def test_a_protocol_knows_no_outside_world() -> None:
    protocols = [module for module in PATHS if room(module) == "protocol"]
    imported = [i for i in OUTSIDE if i.source in protocols and i.target.split(".")[0] in OUTSIDE_WORLD]
    asked = [
        f"{module}: {ast.unparse(node)} asks the wall clock"
        for module in protocols
        for node in ast.walk(ast.parse(PATHS[module].read_bytes()))
        if asks_the_wall_clock(node)
    ]
    say([i.where for i in imported] + asked)


def test_asyncio_lives_in_one_file() -> None:
    say([i.where for i in OUTSIDE if i.target.split(".")[0] == "asyncio" and i.source != ASYNCIO_LIVES_IN])


def test_drawing_lives_upstairs() -> None:
    """matplotlib and widgets: floor 4's modules; elsewhere above only inside a function; below never."""
    wrong = []
    for i in OUTSIDE:
        floor = FLOORS.get(room(i.source), 5)
        if i.target.split(".")[0] in DRAWING and floor != 4 and (floor < 4 or i.at_import_time):
            wrong.append(i.where)
    say(wrong)


def test_the_core_starts_with_its_own_dependencies() -> None:
    """Extras are imported where they are used, so that a plain install and Pyodide can run the core."""
    wrong = []
    for i in OUTSIDE:
        name = i.target.split(".")[0]
        allowed = CORE_DEPENDENCIES | sys.stdlib_module_names
        for web_room, packages in WEB_ROOMS.items():
            if (i.source + ".").startswith(web_room + "."):
                allowed = allowed | packages
        drawn = FLOORS.get(room(i.source), 5) == 4
        if i.at_import_time and not i.for_types_only and not drawn and name not in allowed:
            wrong.append(i.where)
    say(wrong)


# -- How a file reads ---------------------------------------------------------------------------------


def test_every_module_opens_with_a_question_and_a_doctest() -> None:
    wrong = []
    for module, path in PATHS.items():
        docstring = ast.get_docstring(ast.parse(path.read_bytes())) or ""
        if path.name in {"__init__.py", "__main__.py"} or path.name.startswith("_"):
            continue  # ruff sees to it that these have a docstring too
        if "?" not in docstring.split(">>>")[0]:
            wrong.append(f"{module}: its docstring opens with no question")
        if not doctest.DocTestParser().get_examples(docstring):
            wrong.append(f"{module}: its docstring has no doctest")
    say(wrong)


def test_files_stay_short() -> None:
    wrong = []
    for path in PATHS.values():
        lines = len(path.read_bytes().splitlines())
        if lines > LONGEST_FILE:
            wrong.append(f"{path.relative_to(ROOT)} has {lines} lines: two subjects?")
        elif lines > 400:
            print(f"{path.relative_to(ROOT)} has {lines} lines and wants a second look")
    say(wrong)


def repository_files() -> list[Path]:
    """List what is, or would be, committed; in a copy without git, everything but what tools leave behind."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        listing = subprocess.run(
            [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
        )
        if listing.returncode == 0:
            found = [ROOT / os.fsdecode(name) for name in listing.stdout.split(b"\0") if name]
            return [path for path in found if path.is_file()]
    made = {"node_modules", "__pycache__", "build", "dist"}
    return [
        path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file()
        and not any(
            part in made or (part[0] == "." and part not in {".ci", ".binder"})
            for part in path.relative_to(ROOT).parent.parts
        )
    ]


# Spelled so that this file does not match itself.
MACHINE_PATH = re.compile(
    rb"/wor[k]/(?:main|shared)|/roo[t]/|/hom[e]/[a-z]\w*/|/User[s]/\w+/|/tm[p]/\w|[A-Z]:\\User[s]\\"
)


def test_no_file_knows_the_machine_it_was_made_on() -> None:
    wrong = []
    for path in repository_files():
        if path.suffix in {".pcapng", ".png"}:
            continue
        for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
            if found := MACHINE_PATH.search(line):
                wrong.append(f"{path.relative_to(ROOT)}, line {number}: {found[0].decode()}")
    say(wrong)


# -- The linters' word --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]],
    ids=" ".join,
)
def test_linters_are_content(command: list[str]) -> None:
    run = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, f"{' '.join(command)}\n{run.stdout}{run.stderr}"
