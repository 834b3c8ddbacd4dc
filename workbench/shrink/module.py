"""A source, its tree, and edits of it that leave every line its number."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar, cast

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*")
_LONGEST_WORDS = 200
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")

# What holds no other node, once annotations are out and contexts are left out.
_LEAVES = {ast.Name, ast.Constant, ast.alias, ast.arg, ast.Global, ast.Nonlocal, ast.Pass}.union(
    ast.operator.__subclasses__(), ast.cmpop.__subclasses__(), ast.unaryop.__subclasses__()
)
IN_WORDS: tuple[type[ast.AST], ...] = (ast.ExceptHandler, ast.AsyncFunctionDef, ast.alias)

_Node = TypeVar("_Node", bound=ast.AST)
Names = dict[str, int]
Edit = tuple[int, int, int, int, str]  # first line, column in bytes, last line, column, text


@dataclass
class Module:
    """One source; `name` as it is imported."""

    name: str
    text: str
    tree: ast.Module = field(init=False)
    # Of the tree, all of them by their kind: they are looked at again and again.
    _nodes: dict[type[ast.AST], list[ast.AST]] = field(init=False)
    constants: Names = field(default_factory=dict)
    # Name in this module -> the module of ours that it stands for.
    modules: dict[str, str] = field(default_factory=dict)
    _used: frozenset[str] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.read()

    def read(self) -> None:
        """The tree of the text; annotations and what is for types only are no code."""
        self.tree = ast.parse(self.text)
        self._nodes = _without_annotations(self.tree)
        self._used = None

    def all(self, kind: type[_Node]) -> list[_Node]:
        """Every node of one kind, breadth first."""
        return cast("list[_Node]", self._nodes.get(kind, []))

    @property
    def used(self) -> frozenset[str]:
        """Every name that occurs other than where it is defined or imported; also in texts, because
        attributes are looked up by them."""
        if self._used is None:
            self._used = frozenset(_names_used(self))
        return self._used


def _without_annotations(tree: ast.Module) -> dict[type[ast.AST], list[ast.AST]]:
    """Takes them out; every node that is left by its kind, but for the contexts of names."""
    kinds: dict[type[ast.AST], list[ast.AST]] = {}
    nodes: list[ast.AST] = [tree]
    for node in nodes:  # grows meanwhile
        kind = type(node)
        kinds.setdefault(kind, []).append(node)
        if kind is ast.arg:
            node.annotation = None  # type: ignore[attr-defined]
        if kind in _LEAVES:
            continue
        if kind is ast.FunctionDef:
            node.returns = None  # type: ignore[attr-defined]
        elif kind is ast.AnnAssign:
            node.annotation = ast.Constant(None)  # type: ignore[attr-defined]
        for name in kind._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                nodes += [one for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST) and name != "ctx":
                nodes.append(value)
    return kinds


def apply(module: Module, edits: list[Edit]) -> None:
    """Puts the edits in, last first. What goes leaves its line breaks behind."""
    if not edits:
        return
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


def replace(node: ast.expr | ast.stmt, text: str) -> Edit:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, text


# --- names ---


def _names_used(module: Module) -> Iterator[str]:
    yield from names_read(module)
    for attribute in module.all(ast.Attribute):
        yield attribute.attr
    for keyword in module.all(ast.keyword):
        if keyword.arg:
            yield keyword.arg
    for text in texts(module):
        yield from words_of(text)


def texts(module: Module) -> Iterator[str]:
    for node in module.all(ast.Constant):
        if isinstance(node.value, str):
            yield node.value


def names_read(module: Module) -> Iterator[str]:
    """Every name by itself that has to be defined already."""
    for node in module.all(ast.Name):
        if isinstance(node.ctx, ast.Load):
            yield node.id
    changed: list[ast.expr] = [node.target for node in module.all(ast.AugAssign)]
    changed += [target for node in module.all(ast.Delete) for target in node.targets]
    yield from (one.id for one in changed if isinstance(one, ast.Name))


def names_in_words(module: Module) -> Iterator[str]:
    """Names that are given where no ast.Name stands for them, but for those of plain functions,
    classes and arguments."""
    for kind in IN_WORDS:
        yield from bound_in_words(module.all(kind))


def bound_in_words(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The same, of these nodes."""
    for node in nodes:
        if isinstance(node, (ast.ExceptHandler, ast.AsyncFunctionDef)):
            if node.name:
                yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]


def words_of(text: str) -> list[str]:
    words = len(text) < _LONGEST_WORDS and _WORDS.fullmatch(text)
    return _IDENTIFIER.findall(text) if words else []


def inside_f_strings(module: Module) -> set[ast.AST]:
    # Where they stand inside of an f-string is not known before Python 3.12.
    return {inner for text in module.all(ast.JoinedStr) for inner in ast.walk(text)}
