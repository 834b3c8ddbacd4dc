"""Makes the sources of an application smaller for a board, without changing what they do.

On a board each name costs memory: a constant an entry in its module's table, a function an object.
So numbers that have a name in capitals stand in the code where they are used, modules that nobody
imports stay away, and so do definitions whose name occurs nowhere else. What is private to one
module is called by the same few names in each, and so are arguments. Lines keep their numbers: by
them a traceback is read.

Refuses nothing: what it does not understand it leaves as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from workbench.shrink.arguments import join_fields, shorten_arguments, split_paths
from workbench.shrink.constants import inline
from workbench.shrink.module import Module
from workbench.shrink.names import shorten
from workbench.shrink.reach import drop_types, reachable
from workbench.shrink.unused import drop_unused


def shrink(
    sources: Mapping[str, str], roots: Mapping[str, str], kept: frozenset[str]
) -> dict[str, str]:
    """The sources (by module name) that `roots` (texts that are not changed) and the modules `kept`
    need, made smaller; a module in `kept` loses no definition."""
    modules = {name: Module(name, text) for name, text in sources.items()}
    starts = [Module(name, text) for name, text in roots.items()]
    drop_types(modules)
    modules = _needed(modules, starts, kept)
    inline(modules)
    drop_unused(modules, starts, kept)
    modules = _needed(modules, starts, kept)
    shorten(modules, starts)
    shorten_arguments(modules, starts)
    join_fields(modules)
    split_paths(modules)
    return {name: module.text for name, module in modules.items()}


def _needed(
    modules: dict[str, Module], starts: list[Module], kept: frozenset[str]
) -> dict[str, Module]:
    found = reachable(modules, starts, kept)
    return {name: module for name, module in modules.items() if name in found}
