"""Makes mutants of a pure module, one small change each, selected by number in one process.

Changed are: comparisons and their boundaries, arithmetic, and/or, `not`, conditions, numbers,
min/max, returned values, and statements, which are left out one at a time.
"""

import ast
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.FloorDiv, ast.Add),
    ast.FloorDiv: (ast.Mult,),
    ast.BitOr: (ast.BitAnd, ast.BitXor),
}
SWAPPED = {"min": "max", "max": "min"}


@dataclass(frozen=True)
class Mutant:
    """`text` says what was changed, as the list of equivalent ones names it."""

    number: int
    text: str
    tree: ast.Module

    def module(self, name: str) -> types.ModuleType:
        """The mutant, loaded. Raises whatever its module level raises."""
        made = types.ModuleType(name)
        exec(compile(self.tree, f"<{self.text}>", "exec"), made.__dict__)
        return made


Change = Callable[[ast.AST], str]


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module's source, in the order of the source."""
    original = ast.parse(source)
    number = 0
    for at, node in enumerate(ast.walk(original)):
        for change in changes(node):
            tree = ast.parse(source)
            twin = next(twin for i, twin in enumerate(ast.walk(tree)) if i == at)
            line = source.splitlines()[getattr(node, "lineno", 1) - 1].strip()
            text = f"{change(twin)} in: {line}"
            ast.fix_missing_locations(twin)  # its own place, for what was put into it
            yield Mutant(number, text, tree)
            number += 1


def changes(node: ast.AST) -> list[Change]:
    """The changes that can be made to a node; each changes its argument and says how."""
    out: list[Change] = []
    if isinstance(node, ast.Compare):
        out += [_comparison(i, to) for i, op in enumerate(node.ops) for to in COMPARISONS[type(op)]]
    elif isinstance(node, (ast.BinOp, ast.AugAssign)):
        out += [_operator(to) for to in ARITHMETIC.get(type(node.op), ())]
    elif isinstance(node, ast.BoolOp):
        out += [_boolean, *(_operand(i) for i in range(len(node.values)))]
    elif isinstance(node, (ast.If, ast.IfExp)):
        out += [_condition(True), _condition(False)]
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        out += [_number(1), _number(-1)]
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in SWAPPED:
        out.append(_swap)
    elif isinstance(node, ast.UnaryOp):
        out.append(_unary)
    if hasattr(node, "body") and isinstance(node.body, list):
        out += [_removal(i) for i, item in enumerate(node.body) if _removable(item)]
    return out


def _removable(item: ast.stmt) -> bool:
    document = isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)
    return not document and not isinstance(item, (ast.FunctionDef, ast.Import, ast.ImportFrom))


def _comparison(index: int, to: type[ast.cmpop]) -> Change:
    def change(node: ast.AST) -> str:
        assert isinstance(node, ast.Compare)
        was = type(node.ops[index]).__name__
        node.ops[index] = to()
        return f"{was} -> {to.__name__}"

    return change


def _operator(to: type[ast.operator]) -> Change:
    def change(node: ast.AST) -> str:
        assert isinstance(node, (ast.BinOp, ast.AugAssign))
        was = type(node.op).__name__
        node.op = to()
        return f"{was} -> {to.__name__}"

    return change


def _boolean(node: ast.AST) -> str:
    assert isinstance(node, ast.BoolOp)
    was = type(node.op).__name__
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return f"{was} -> {type(node.op).__name__}"


def _operand(index: int) -> Change:
    def change(node: ast.AST) -> str:
        assert isinstance(node, ast.BoolOp)
        gone = node.values.pop(index)
        if len(node.values) == 1:
            node.values.append(node.values[0])
        return f"without operand `{ast.unparse(gone)}`"

    return change


def _condition(value: bool) -> Change:
    def change(node: ast.AST) -> str:
        assert isinstance(node, (ast.If, ast.IfExp))
        was = ast.unparse(node.test)
        node.test = ast.Constant(value)
        return f"`{was}` -> {value}"

    return change


def _number(by: int) -> Change:
    def change(node: ast.AST) -> str:
        assert isinstance(node, ast.Constant) and isinstance(node.value, int)
        was = node.value
        node.value = was + by
        return f"{was} -> {node.value}"

    return change


def _swap(node: ast.AST) -> str:
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    was = node.func.id
    node.func.id = SWAPPED[was]
    return f"{was} -> {node.func.id}"


def _unary(node: ast.AST) -> str:
    assert isinstance(node, ast.UnaryOp)
    was = type(node.op).__name__
    node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
    if was == "Not":
        node.operand = ast.UnaryOp(ast.Not(), node.operand)
    return f"without {was}"


def _removal(index: int) -> Change:
    def change(node: ast.AST) -> str:
        body: list[ast.stmt] = getattr(node, "body")  # noqa: B009  (several kinds of nodes)
        gone = body[index]
        body[index] = ast.Pass()
        return f"without `{ast.unparse(gone).splitlines()[0]}`"

    return change
