"""What is private to one module is called by the same few names in each."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from workbench.shrink.module import (
    CONSTANT,
    Module,
    apply,
    inside_f_strings,
    names_in_words,
    texts,
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
    classes = module.all(ast.ClassDef)
    own = {node.name for node in classes}
    bases = {ast.unparse(base) for node in classes for base in node.bases}
    return bool(bases - own - {"Exception", "object"})


def spoken_in(module: Module) -> Iterator[str]:
    """Every name that occurs in a module in whatever way."""
    yield from module.used
    yield from (node.id for node in module.all(ast.Name))
    yield from (node.name for node in module.all(ast.FunctionDef))
    yield from (node.name for node in module.all(ast.ClassDef))
    yield from (node.arg for node in module.all(ast.arg))
    for alias in module.all(ast.alias):
        yield from (alias.asname or alias.name, alias.name)


def _fixed(module: Module) -> set[str]:
    """Names of a module that have to stay: spoken of in texts, as arguments, or out of reach."""
    inside = inside_f_strings(module)
    found = {"_", *names_in_words(module)}
    found.update(word for text in texts(module) for word in words_of(text))
    found |= {node.arg for node in module.all(ast.arg)}
    found |= {node.arg for node in module.all(ast.keyword) if node.arg}
    found.update(name for node in module.all(ast.Global) for name in node.names)
    found.update(name for node in module.all(ast.Nonlocal) for name in node.names)
    for node in inside:
        if isinstance(node, (ast.Name, ast.Attribute)):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
    for deleted in module.all(ast.Delete):
        found |= {one.id for one in deleted.targets if isinstance(one, ast.Name)}
    return found


def _private_places(module: Module) -> dict[str, list[tuple[int, int]]]:
    """Where each name that may be private stands: (line, column in bytes)."""
    attributes = module.all(ast.Attribute)
    found = [(node.id, node.lineno, node.col_offset) for node in module.all(ast.Name)]
    for attribute in attributes:
        end = (attribute.end_col_offset or 0) - len(attribute.attr)
        found.append((attribute.attr, attribute.end_lineno or 0, end))
    functions, classes = module.all(ast.FunctionDef), module.all(ast.ClassDef)
    found += [(one.name, one.lineno, one.col_offset + len("def ")) for one in functions]
    found += [(one.name, one.lineno, one.col_offset + len("class ")) for one in classes]
    places: dict[str, list[tuple[int, int]]] = {}
    for name, line, begin in found:
        places.setdefault(name, []).append((line, begin))
    spoken = {attribute.attr for attribute in attributes}
    return {name: at for name, at in places.items() if _is_private(name, spoken)}


def _is_private(name: str, attributes: set[str]) -> bool:
    """By its spelling; or a table in capitals that is nobody's attribute."""
    if name.startswith("_"):
        return not name.startswith("__")
    return bool(CONSTANT.fullmatch(name)) and name not in attributes
