"""Numbers that have a name in capitals stand in the code where they are used."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping

from workbench.shrink.module import (
    CONSTANT,
    Edit,
    Module,
    apply,
    inside_f_strings,
    names_in_words,
    replace,
)


def inline(modules: dict[str, Module]) -> None:
    for module in modules.values():
        _read_modules(module, modules)
    once = {
        name: {stored for stored, count in _stored(module).items() if count == 1}
        for name, module in modules.items()
    }
    # Constants may be made of each other, across modules: until nothing new is known.
    before = -1
    while (known := sum(len(module.constants) for module in modules.values())) != before:
        before = known
        for module in modules.values():
            _read_constants(module, modules, once[module.name])
    edits = {module.name: _inlined(module, modules) for module in modules.values()}
    for module in modules.values():
        apply(module, edits[module.name])


def _read_modules(module: Module, modules: Mapping[str, Module]) -> None:
    for node in module.all(ast.ImportFrom):
        for alias in node.names if node.module else ():
            whole = f"{node.module}.{alias.name}"
            if whole in modules:
                module.modules[alias.asname or alias.name] = whole


def _stored(module: Module) -> Counter[str]:
    """How often each name is bound, wherever in the module."""
    counts = Counter(names_in_words(module))
    counts.update(node.id for node in module.all(ast.Name) if not isinstance(node.ctx, ast.Load))
    counts.update(node.arg for node in module.all(ast.arg))
    counts.update(node.name for node in module.all(ast.FunctionDef))
    counts.update(node.name for node in module.all(ast.ClassDef))
    return counts


def _read_constants(module: Module, modules: Mapping[str, Module], once: set[str]) -> None:
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "") in modules:
            theirs = modules[node.module or ""].constants
            for alias in node.names:
                if alias.name in theirs and (alias.asname or alias.name) in once:
                    module.constants[alias.asname or alias.name] = theirs[alias.name]
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            for name, value in _assigned(node, module, modules):
                if name in once and CONSTANT.fullmatch(name):
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


def _inlined(module: Module, modules: Mapping[str, Module]) -> list[Edit]:
    edits = []
    inside = inside_f_strings(module)
    known: list[ast.Name | ast.Attribute] = [*module.all(ast.Name), *module.all(ast.Attribute)]
    for node in known:
        if node in inside or not isinstance(node.ctx, ast.Load):
            continue
        if (value := _number(node, module, modules)) is not None:
            edits.append(replace(node, str(value) if value >= 0 else f"({value})"))
    return edits
