"""Definitions and imports that nobody uses go.

Methods and attributes are known by their names alone: one that is called anywhere stays in every
class. What stands in a module itself is known by the module, too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import TypeGuard

from workbench.shrink.module import Edit, Module, apply, names_read, replace


def drop_unused(modules: dict[str, Module], starts: list[Module], kept: frozenset[str]) -> None:
    everything = [*starts, *modules.values()]
    reaches = [_reached(module, modules) for module in everything]
    while True:
        used = set().union(*(module.used for module in everything))
        reached = set().union(*reaches)
        dropped = False
        for place, module in enumerate(everything[len(starts) :], len(starts)):
            edits = list(_unused_imports(module))
            if module.name not in kept:
                edits += _unused_definitions(module, used, reached)
            if edits:
                apply(module, edits)
                reaches[place] = _reached(module, modules)
                dropped = True
        if not dropped:
            return


def _is_read(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)


def _reached(module: Module, modules: Mapping[str, Module]) -> set[tuple[str, str]]:
    """Module and name of what a module takes from others and of itself; the name is empty where it
    takes a whole module as a value."""
    known: dict[str, str] = {}
    found = {(module.name, name) for name in names_read(module)}
    for node in module.all(ast.ImportFrom):
        for alias in node.names if node.module else ():
            whole = f"{node.module}.{alias.name}"
            if whole in modules:
                known[alias.asname or alias.name] = whole
            found.add((node.module or "", alias.name))
    for plain in module.all(ast.Import):
        found |= {(alias.name, "") for alias in plain.names}
    inside = set()
    for attribute in module.all(ast.Attribute):
        value = attribute.value
        if _is_read(value) and value.id in known:
            inside.add(value)
            found.add((known[value.id], attribute.attr))
    for name in module.all(ast.Name):
        if _is_read(name) and name.id in known and name not in inside:
            found.add((known[name.id], ""))
    return found


def _unused_imports(module: Module) -> Iterator[Edit]:
    """Names that a module imports and does not use; other modules import them from their own."""
    for node in module.all(ast.ImportFrom):
        left = [one for one in node.names if (one.asname or one.name) in module.used]
        if len(left) < len(node.names):
            words = ", ".join(ast.unparse(one) for one in left)
            yield replace(node, f"from {node.module} import {words}" if left else "pass")


def _unused_definitions(
    module: Module, used: set[str], reached: set[tuple[str, str]]
) -> Iterator[Edit]:
    if (module.name, "") not in reached:
        own = {name for known, name in reached if known == module.name}
        yield from _unused(module.tree.body, own)
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef):
            yield from _unused(node.body, used)


def _unused(body: list[ast.stmt], used: set[str]) -> Iterator[Edit]:
    for node in body:
        names = _defined(node)
        if names and not any(name in used or name.startswith("__") for name in names):
            yield replace(node, "pass")


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
