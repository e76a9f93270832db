"""Every change to a rule that a test should notice: comparisons, conditions, operators and numbers of a module."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).parents[1]
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "argmin": "argmax", "argmax": "argmin"}


@dataclass(frozen=True)
class Mutant:
    """One change to one module: the change of this number at this place in its syntax tree."""

    module: str
    place: int
    number: int
    line: int
    what: str

    @property
    def name(self) -> str:
        """For a list."""
        return f"{self.module}:{self.line} {self.what}"

    def tree(self) -> ast.Module:
        """Return the changed module."""
        tree = ast.parse(file_of(self.module).read_text())
        _apply(list(ast.walk(tree))[self.place], self.number)
        return ast.fix_missing_locations(tree)


def mutants(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    tree = ast.parse(file_of(module).read_text())
    options = {inner for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for inner in _decorations(node)}
    for place, node in enumerate(ast.walk(tree)):
        for number, what in enumerate(_changes(node) if node not in options else []):
            changed = copy.deepcopy(node)
            _apply(changed, number)
            before, after = ast.unparse(node), ast.unparse(changed)
            if before != after:
                line = getattr(node, "lineno", 0)
                yield Mutant(module, place, number, line, f"{what}: {before} -> {after}"[:160])


def file_of(module: str) -> Path:
    """Return where a module is."""
    return HOME / (module.replace(".", "/") + ".py")


def _decorations(node: ast.ClassDef) -> Iterator[ast.AST]:
    """What decorates a class: options of dataclasses, which are no rules."""
    for decorator in node.decorator_list:
        yield from ast.walk(decorator)


def _changes(node: ast.AST) -> list[str]:
    found: list[str] = []
    match node:
        case ast.Compare(ops=[op]):
            found = ["comparison"] * len(COMPARISONS[type(op)])
        case ast.BoolOp():
            found = ["and/or", *["dropped"] * len(node.values)]
        case ast.If() | ast.IfExp():
            found = ["negated"]
        case ast.UnaryOp(op=ast.Not() | ast.Invert() | ast.USub()):
            found = ["dropped"]
        case ast.BinOp(op=op) if type(op) in OPERATORS:
            found = ["operator"]
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in NAMES:
            found = ["exchanged"]
        case ast.Constant(value=bool() | int() | float()):
            found = ["changed"]
    return found


def _apply(node: ast.AST, number: int) -> None:
    match node:
        case ast.Compare():
            node.ops = [COMPARISONS[type(node.ops[0])][number]()]
        case ast.BoolOp() if number == 0:
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.BoolOp():
            # One condition takes the place of the dropped one, since a single one is no expression of this kind.
            node.values[number - 1] = node.values[number % len(node.values)]
        case ast.If() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.UnaryOp():
            node.op = ast.UAdd()
        case ast.BinOp():
            node.op = OPERATORS[type(node.op)]()
        case ast.Name():
            node.id = NAMES[node.id]
        case ast.Attribute():
            node.attr = NAMES[node.attr]
        case ast.Constant(value=bool() as flag):
            node.value = not flag
        case ast.Constant(value=int() | float() as value):
            node.value = value + 1
