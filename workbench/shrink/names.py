"""What is private to one module is called by the same few names in each."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from workbench.shrink.module import (
    CONSTANT,
    Module,
    apply,
    bound_in_words,
    inside_f_strings,
    words_of,
)
from workbench.shrink.reach import imports


def shorten(modules: Mapping[str, Module], starts: list[Module]) -> None:
    """Each module's own private names become _0, _1, ...: every board keeps a name once, whoever
    uses it. Not where classes inherit across modules, because their names meet in one object."""
    spoken = {name: set(spoken_in(module)) for name, module in modules.items()}
    outside = {name for start in starts for name in spoken_in(start)}
    families = {name for name, module in modules.items() if _inherits(module)}
    families |= {one for name in families for one in imports(modules[name], modules)}
    for name, module in modules.items():
        if name in families:
            continue
        others = outside.union(*(words for other, words in spoken.items() if other != name))
        places = _private_places(module)
        short = {
            old: f"_{number}"
            for number, old in enumerate(sorted(set(places) - others - _fixed(module)))
        }
        apply(
            module,
            [
                (line, begin, line, begin + len(old), short[old])
                for old in short
                for line, begin in places[old]
            ],
        )


def _inherits(module: Module) -> bool:
    """Does a class here have a base that is not of this module or built in?"""
    own = {node.name for node in module.nodes if isinstance(node, ast.ClassDef)}
    bases = {
        ast.unparse(base)
        for node in module.nodes
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }
    return bool(bases - own - {"Exception", "object"})


def spoken_in(module: Module) -> Iterator[str]:
    """Every name that occurs in a module in whatever way."""
    yield from module.used
    for node in module.nodes:
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
    inside = inside_f_strings(module)
    found = {"_", *bound_in_words(module.nodes)}
    for node in module.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(words_of(node.value))
        elif isinstance(node, (ast.arg, ast.keyword)) and node.arg:
            found.add(node.arg)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            found |= set(node.names)
        elif node in inside and isinstance(node, (ast.Name, ast.Attribute)):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.Delete):
            found |= {one.id for one in node.targets if isinstance(one, ast.Name)}
    return found


def _private_places(module: Module) -> dict[str, list[tuple[int, int]]]:
    """Where each name that may be private stands: (line, column in bytes)."""
    places: dict[str, list[tuple[int, int]]] = {}
    for node in module.nodes:
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
    attributes = {node.attr for node in module.nodes if isinstance(node, ast.Attribute)}
    return {name: at for name, at in places.items() if _is_private(name, attributes)}


def _is_private(name: str, attributes: set[str]) -> bool:
    """By its spelling; or a table in capitals that is nobody's attribute."""
    if name.startswith("_"):
        return not name.startswith("__")
    return bool(CONSTANT.fullmatch(name)) and name not in attributes
