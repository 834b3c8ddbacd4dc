"""Makes the sources of an application smaller for a board, without changing what they do.

On a board each name costs memory: a constant an entry in its module's table, a function an object.
So numbers that have a name in capitals stand in the code where they are used, modules that nobody
imports stay away, and so do definitions whose name occurs nowhere else. What is private to one
module is called by the same few names in each. Lines keep their numbers: by them a traceback is
read.

Refuses nothing: what it does not understand it leaves as it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*")
_TYPES_ONLY = "TYPE_CHECKING"
_LONGEST_WORDS = 200

Names = dict[str, int]


@dataclass
class Module:
    """One source; `name` as it is imported."""

    name: str
    text: str
    tree: ast.Module = field(init=False)
    constants: Names = field(default_factory=dict)
    # Name in this module -> the module of ours that it stands for.
    modules: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.read()

    def read(self) -> None:
        """The tree of the text; annotations and what is for types only are no code."""
        self.tree = ast.parse(self.text)
        for node in ast.walk(self.tree):
            _forget_annotations(node)


def shrink(
    sources: Mapping[str, str], roots: Mapping[str, str], kept: frozenset[str]
) -> dict[str, str]:
    """The sources (by module name) that `roots` (texts that are not changed) and the modules `kept`
    need, made smaller; a module in `kept` loses no definition."""
    modules = {name: Module(name, text) for name, text in sources.items()}
    starts = [ast.parse(text) for text in roots.values()]
    _drop_types(modules)
    used = _reachable(modules, starts, kept)
    modules = {name: module for name, module in modules.items() if name in used}
    _inline(modules)
    _drop_unused(modules, starts, kept)
    used = _reachable(modules, starts, kept)
    modules = {name: module for name, module in modules.items() if name in used}
    _shorten(modules, starts)
    return {name: module.text for name, module in modules.items()}


def _forget_annotations(node: ast.AST) -> None:
    if isinstance(node, ast.arg):
        node.annotation = None
    elif isinstance(node, ast.FunctionDef):
        node.returns = None
    elif isinstance(node, ast.AnnAssign):
        node.annotation = ast.Constant(None)


# --- edits: (first line, column in bytes, last line, column, text), of a tree that is current ---

_Edit = tuple[int, int, int, int, str]


def _apply(module: Module, edits: list[_Edit]) -> None:
    """Puts the edits in, last first. What goes leaves its line breaks behind."""
    lines = [line.encode() for line in module.text.split("\n")]
    for first, begin, last, end, text in sorted(edits, reverse=True):
        head, tail = lines[first - 1][:begin], lines[last - 1][end:]
        middle = [b""] * (last - first)
        if middle:
            lines[first - 1 : last] = [head + text.encode(), *middle[:-1], tail]
        else:
            lines[first - 1] = head + text.encode() + tail
    module.text = "\n".join(line.decode() for line in lines)
    module.read()


def _replace(node: ast.expr | ast.stmt, text: str) -> _Edit:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, text


# --- who needs whom ---


def _imports(tree: ast.AST, known: Mapping[str, object]) -> Iterator[str]:
    """The modules of ours that a tree imports, and the packages that they lie in."""
    for node in ast.walk(tree):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in found:
            parts = name.split(".")
            for size in range(1, len(parts) + 1):
                if (known_name := ".".join(parts[:size])) in known:
                    yield known_name


def _reachable(
    modules: Mapping[str, Module], starts: list[ast.Module], kept: frozenset[str]
) -> set[str]:
    waiting = [name for tree in starts for name in _imports(tree, modules)]
    waiting += [name for name in kept if name in modules]
    waiting += [name.rpartition(".")[0] for name in kept if name.rpartition(".")[0] in modules]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(modules[name].tree, modules)
    return found


# --- what only the checker of types reads ---


def _drop_types(modules: Mapping[str, Module]) -> None:
    for module in modules.values():
        edits = []
        for node in module.tree.body:
            types = isinstance(node, ast.If) and ast.unparse(node.test) == _TYPES_ONLY
            flag = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == _TYPES_ONLY
            if types or flag:
                edits.append(_replace(node, "pass"))
        _apply(module, edits)


# --- constants ---


def _inline(modules: dict[str, Module]) -> None:
    for module in modules.values():
        _read_modules(module, modules)
    # Constants may be made of each other, across modules: until nothing new is known.
    before = -1
    while (known := sum(len(module.constants) for module in modules.values())) != before:
        before = known
        for module in modules.values():
            _read_constants(module, modules)
    edits = {module.name: _inlined(module, modules) for module in modules.values()}
    for module in modules.values():
        _apply(module, edits[module.name])


def _read_modules(module: Module, modules: Mapping[str, Module]) -> None:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in modules:
                    module.modules[alias.asname or alias.name] = whole


def _stored(module: Module) -> dict[str, int]:
    """How often each name is bound, wherever in the module."""
    counts: dict[str, int] = {}
    for node in ast.walk(module.tree):
        names: list[str] = []
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names = [node.id]
        elif isinstance(node, ast.arg):
            names = [node.arg]
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.asname or alias.name for alias in node.names]
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    return counts


def _read_constants(module: Module, modules: Mapping[str, Module]) -> None:
    once = {name for name, count in _stored(module).items() if count == 1}
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "") in modules:
            theirs = modules[node.module or ""].constants
            for alias in node.names:
                if alias.name in theirs and (alias.asname or alias.name) in once:
                    module.constants[alias.asname or alias.name] = theirs[alias.name]
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            for name, value in _assigned(node, module, modules):
                if name in once and _CONSTANT.fullmatch(name):
                    module.constants[name] = value


def _assigned(
    node: ast.Assign, module: Module, modules: Mapping[str, Module]
) -> Iterator[tuple[str, int]]:
    """The names of an assignment with their whole numbers, if all of them are known."""
    target = node.targets[0]
    if isinstance(target, ast.Name):
        value = _number(node.value, module, modules)
        if value is not None:
            yield target.id, value
    elif isinstance(target, ast.Tuple) and all(isinstance(one, ast.Name) for one in target.elts):
        values = _numbers(node.value, module, modules)
        if values is not None and len(values) == len(target.elts):
            for one, number in zip(target.elts, values, strict=True):
                assert isinstance(one, ast.Name)
                yield one.id, number


def _numbers(node: ast.expr, module: Module, modules: Mapping[str, Module]) -> list[int] | None:
    if isinstance(node, ast.Tuple):
        items = [_number(item, module, modules) for item in node.elts]
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "range" and not node.keywords:
        ends = [_number(item, module, modules) for item in node.args]
        if None in ends or not 1 <= len(ends) <= 3:
            return None
        items = list(range(*[end for end in ends if end is not None]))
    else:
        return None
    return None if None in items else [item for item in items if item is not None]


_OPERATIONS = {
    ast.Add: int.__add__, ast.Sub: int.__sub__, ast.Mult: int.__mul__, ast.BitOr: int.__or__,
    ast.FloorDiv: int.__floordiv__, ast.LShift: int.__lshift__, ast.RShift: int.__rshift__,
    ast.BitAnd: int.__and__, ast.Mod: int.__mod__,
}  # fmt: skip


def _number(node: ast.expr, module: Module, modules: Mapping[str, Module]) -> int | None:
    """The whole number that an expression is, None if it is not known to be one."""
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if isinstance(node, ast.Name):
        return module.constants.get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        theirs = modules.get(module.modules.get(node.value.id, ""))
        return theirs.constants.get(node.attr) if theirs else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Invert)):
        value = _number(node.operand, module, modules)
        if value is None:
            return None
        return -value if isinstance(node.op, ast.USub) else ~value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        left, right = (_number(side, module, modules) for side in (node.left, node.right))
        if left is None or right is None:
            return None
        try:
            return _OPERATIONS[type(node.op)](left, right)
        except (ValueError, ZeroDivisionError):
            return None
    return None


def _inlined(module: Module, modules: Mapping[str, Module]) -> list[_Edit]:
    edits = []
    inside = _in_texts(module.tree)
    for node in ast.walk(module.tree):
        if node in inside or not isinstance(node, (ast.Name, ast.Attribute)):
            continue
        if isinstance(node.ctx, ast.Load) and (value := _number(node, module, modules)) is not None:
            edits.append(_replace(node, str(value) if value >= 0 else f"({value})"))
    return edits


def _in_texts(tree: ast.AST) -> set[ast.AST]:
    # Where they stand inside of an f-string is not known before Python 3.12.
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    return {inner for text in texts for inner in ast.walk(text)}


# --- definitions that nobody uses ---


def _drop_unused(
    modules: dict[str, Module], starts: list[ast.Module], kept: frozenset[str]
) -> None:
    while True:
        used = {name for tree in starts for name in _used(tree)}
        for module in modules.values():
            used |= set(_used(module.tree))
        dropped = False
        for module in modules.values():
            edits = list(_unused_imports(module))
            if module.name not in kept:
                edits += _unused_definitions(module, used)
            if edits:
                _apply(module, edits)
                dropped = True
        if not dropped:
            return


def _used(tree: ast.AST) -> Iterator[str]:
    """Every name that occurs other than where it is defined or imported; also in texts, because
    attributes are looked up by them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, (ast.AugAssign, ast.Delete)):
            targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
            yield from (one.id for one in targets if isinstance(one, ast.Name))
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _in_text(node.value)


def _in_text(text: str) -> list[str]:
    words = len(text) < _LONGEST_WORDS and _WORDS.fullmatch(text)
    return _IDENTIFIER.findall(text) if words else []


def _unused_imports(module: Module) -> Iterator[_Edit]:
    """Names that a module imports and does not use; other modules import them from their own."""
    used = set(_used(module.tree))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            left = [one for one in node.names if (one.asname or one.name) in used]
            if len(left) < len(node.names):
                words = ", ".join(ast.unparse(one) for one in left)
                yield _replace(node, f"from {node.module} import {words}" if left else "pass")


def _unused_definitions(module: Module, used: set[str]) -> Iterator[_Edit]:
    bodies = [module.tree.body]
    bodies += [node.body for node in module.tree.body if isinstance(node, ast.ClassDef)]
    for body in bodies:
        for node in body:
            names = _defined(node)
            if names and not any(name in used or name.startswith("__") for name in names):
                yield _replace(node, "pass")


def _defined(node: ast.stmt) -> list[str]:
    """What a definition that does nothing else defines; empty for every other statement."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [] if node.decorator_list else [node.name]
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and _is_plain(node.value):
        target = node.targets[0]
        elements = target.elts if isinstance(target, ast.Tuple) else [target]
        names = [one.id for one in elements if isinstance(one, ast.Name)]
        return names if len(names) == len(elements) else []
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id] if node.value is not None and _is_plain(node.value) else []
    return []


def _is_plain(node: ast.expr) -> bool:
    """Made of values alone: leaving it out changes nothing else."""
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
    return all(ast.unparse(one.func) in ("range", "bytes", "tuple") for one in calls) and not any(
        isinstance(one, (ast.Attribute, ast.Subscript, ast.Await, ast.Yield, ast.NamedExpr))
        for one in ast.walk(node)
    )


# --- names that are private to a module ---


def _shorten(modules: Mapping[str, Module], starts: list[ast.Module]) -> None:
    """Each module's own private names become _0, _1, ...: every board keeps a name once, whoever
    uses it. Not where classes inherit across modules, because their names meet in one object."""
    spoken = {name: set(_spoken(module.tree)) for name, module in modules.items()}
    outside = {name for tree in starts for name in _spoken(tree)}
    families = {name for name, module in modules.items() if _inherits(module)}
    families |= {one for name in families for one in _imports(modules[name].tree, modules)}
    for name, module in modules.items():
        if name in families:
            continue
        others = outside.union(*(words for other, words in spoken.items() if other != name))
        places = _private_places(module)
        short = {
            old: f"_{number}"
            for number, old in enumerate(sorted(set(places) - others - _fixed(module)))
        }
        _apply(
            module,
            [
                (line, begin, line, begin + len(old), short[old])
                for old in short
                for line, begin in places[old]
            ],
        )


def _inherits(module: Module) -> bool:
    """Does a class here have a base that is not of this module or built in?"""
    own = {node.name for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)}
    bases = {
        ast.unparse(base)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }
    return bool(bases - own - {"Exception", "object"})


def _spoken(tree: ast.AST) -> Iterator[str]:
    """Every name that occurs in a module in whatever way."""
    yield from _used(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield from (alias.asname or alias.name, alias.name)


def _fixed(module: Module) -> set[str]:
    """Names of a module that have to stay: spoken of in texts, as arguments, or out of reach."""
    inside = _in_texts(module.tree)
    found = {"_"}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(_in_text(node.value))
        elif isinstance(node, (ast.arg, ast.keyword)) and node.arg:
            found.add(node.arg)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            found |= set(node.names)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name for alias in node.names}
        elif node in inside and isinstance(node, (ast.Name, ast.Attribute)):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.Delete):
            found |= {one.id for one in node.targets if isinstance(one, ast.Name)}
    return found


def _private_places(module: Module) -> dict[str, list[tuple[int, int]]]:
    """Where each name that may be private stands: (line, column in bytes)."""
    places: dict[str, list[tuple[int, int]]] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name):
            found = node.id, node.lineno, node.col_offset
        elif isinstance(node, ast.Attribute):
            end = (node.end_col_offset or 0) - len(node.attr)
            found = node.attr, node.end_lineno or 0, end
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            word = "def " if isinstance(node, ast.FunctionDef) else "class "
            found = node.name, node.lineno, node.col_offset + len(word)
        else:
            continue
        places.setdefault(found[0], []).append((found[1], found[2]))
    attributes = {node.attr for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
    return {name: at for name, at in places.items() if _is_private(name, attributes)}


def _is_private(name: str, attributes: set[str]) -> bool:
    """By its spelling; or a table in capitals that is nobody's attribute."""
    if name.startswith("_"):
        return not name.startswith("__")
    return bool(_CONSTANT.fullmatch(name)) and name not in attributes
