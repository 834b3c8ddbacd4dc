"""Which modules a program needs, and what of them only the checker of types reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from workbench.shrink.module import Module, apply, replace

_TYPES_ONLY = "TYPE_CHECKING"


def imports(module: Module, known: Mapping[str, object]) -> Iterator[str]:
    """The modules of ours that a module imports, and the packages that they lie in."""
    found = [alias.name for node in module.all(ast.Import) for alias in node.names]
    for source in module.all(ast.ImportFrom):
        if source.module:
            found += [source.module, *(f"{source.module}.{alias.name}" for alias in source.names)]
    for name in found:
        parts = name.split(".")
        for size in range(1, len(parts) + 1):
            if (known_name := ".".join(parts[:size])) in known:
                yield known_name


def reachable(
    modules: Mapping[str, Module], starts: list[Module], kept: frozenset[str]
) -> set[str]:
    waiting = [name for start in starts for name in imports(start, modules)]
    waiting += [name for name in kept if name in modules]
    waiting += [name.rpartition(".")[0] for name in kept if name.rpartition(".")[0] in modules]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += imports(modules[name], modules)
    return found


def drop_types(modules: Mapping[str, Module]) -> None:
    for module in modules.values():
        edits = []
        for node in module.tree.body:
            types = isinstance(node, ast.If) and ast.unparse(node.test) == _TYPES_ONLY
            flag = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == _TYPES_ONLY
            if types or flag:
                edits.append(replace(node, "pass"))
        apply(module, edits)
