"""Arguments that nobody names are called by the same few names in each function, and the fields of
a named tuple are one text."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from workbench.shrink.module import Edit, Module, apply, bound_in_words, inside_f_strings, replace

# MicroPython keeps texts up to this length as names.
SHORT = 10


def shorten_arguments(modules: Mapping[str, Module], starts: list[Module]) -> None:
    """Arguments become a0, a1, ... by their place, unless some call anywhere names one of that
    name. Not in functions that hold others, or in which there is an f-string."""
    everything = [*starts, *modules.values()]
    named = {node.arg for module in everything for node in module.all(ast.keyword)}
    if None in named:
        return  # f(**values): the names are in texts
    for module in modules.values():
        texts = inside_f_strings(module)
        edits: list[Edit] = []
        for node in module.all(ast.FunctionDef):
            if not texts or not texts.intersection(ast.walk(node)):
                edits += _renamed(node, named)
        apply(module, edits)


def _renamed(function: ast.FunctionDef, named: set[str | None]) -> Iterator[Edit]:
    inner = list(_inner(function))
    scopes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
    if any(isinstance(node, scopes) for node in inner):
        return
    arguments = [*function.args.posonlyargs, *function.args.args]
    taken = {node.id for node in inner if isinstance(node, ast.Name)}
    taken |= {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    told = set(bound_in_words(inner))
    short = {}
    for place, argument in enumerate(arguments):
        name = f"a{place}"
        if argument.arg not in named | told and name not in taken | told:
            short[argument.arg] = name
    for argument in arguments:
        if argument.arg in short:
            start, size = (argument.lineno, argument.col_offset), len(argument.arg.encode())
            yield *start, start[0], start[1] + size, short[argument.arg]
    for node in inner:
        if isinstance(node, ast.Name) and node.id in short:
            yield replace(node, short[node.id])


def _inner(function: ast.FunctionDef) -> Iterator[ast.AST]:
    # Defaults and decorators belong to what is around the function.
    for statement in function.body:
        yield from ast.walk(statement)


def split_paths(modules: Mapping[str, Module]) -> None:
    """ "grant.codes" as "grant." + "codes" where it is an argument: a long text is an object of its
    own, short ones are names that the board has anyway."""
    names = {name for module in modules.values() for name in module.used}
    for module in modules.values():
        arguments = [one for node in module.all(ast.Call) for one in node.args]
        edits = []
        for node in arguments:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                first, dot, last = node.value.partition(".")
                short = len(node.value) > SHORT and len(first) < SHORT and len(last) <= SHORT
                if dot and short and last in names:
                    edits.append(replace(node, f"{first + dot!r} + {last!r}"))
        apply(module, edits)


def join_fields(modules: Mapping[str, Module]) -> None:
    """namedtuple("Name", ("one", "two")) as namedtuple("Name", "one two"), which it also takes."""
    for module in modules.values():
        apply(module, list(_joined(module)))


def _joined(module: Module) -> Iterator[Edit]:
    for node in module.all(ast.Call):
        if not isinstance(node.func, ast.Name) or node.func.id != "namedtuple":
            continue
        fields = node.args[1] if len(node.args) == 2 else None
        if isinstance(fields, ast.Tuple) and len(fields.elts) > 1:
            words = [one.value for one in fields.elts if isinstance(one, ast.Constant)]
            if len(words) == len(fields.elts):
                yield replace(fields, repr(" ".join(str(word) for word in words)))
