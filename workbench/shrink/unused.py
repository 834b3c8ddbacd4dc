"""Definitions and imports that nobody uses go."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workbench.shrink.module import Edit, Module, apply, names_used, replace


def drop_unused(modules: dict[str, Module], starts: list[ast.Module], kept: frozenset[str]) -> None:
    while True:
        used = {name for tree in starts for name in names_used(tree)}
        for module in modules.values():
            used |= set(names_used(module.tree))
        dropped = False
        for module in modules.values():
            edits = list(_unused_imports(module))
            if module.name not in kept:
                edits += _unused_definitions(module, used)
            if edits:
                apply(module, edits)
                dropped = True
        if not dropped:
            return


def _unused_imports(module: Module) -> Iterator[Edit]:
    """Names that a module imports and does not use; other modules import them from their own."""
    used = set(names_used(module.tree))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            left = [one for one in node.names if (one.asname or one.name) in used]
            if len(left) < len(node.names):
                words = ", ".join(ast.unparse(one) for one in left)
                yield replace(node, f"from {node.module} import {words}" if left else "pass")


def _unused_definitions(module: Module, used: set[str]) -> Iterator[Edit]:
    bodies = [module.tree.body]
    bodies += [node.body for node in module.tree.body if isinstance(node, ast.ClassDef)]
    for body in bodies:
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
