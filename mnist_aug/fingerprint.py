"""Fingerprints of code: they change when its behaviour may, and not when its text alone does.

A run's manifest holds the fingerprint of the code that its weights depend on, so that a change of
that code, and no other, trains the run again. From some definitions on, all that they refer to
within a part of the package is followed, wherever it stands. What is hashed is the syntax tree
without comments, docstrings, layout, type annotations, imports, and the places of definitions: none
of these can change a weight, and there is no list of files to keep by hand. A version number raised
by hand was the alternative; it can be forgotten.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
# Fields of a syntax tree that change no behaviour, or not in every version of Python.
SKIPPED = {"ctx", "kind", "type_comment", "type_params"}


def fingerprint(roots: Iterable[str], within: Iterable[str], package: Path = PACKAGE) -> str:
    """SHA-256 of the definitions that `roots` reach, the same with every version of Python.

    Args:
        roots: definitions to begin with, as `train.trainer:Trainer`.
        within: modules and packages whose definitions are followed, as `train`; others count as
            given.
        package: the folder of the package.

    Raises:
        KeyError: a root, or what is referred to, is not defined where it is looked for.
    """
    texts = reached(roots, within, package).values()
    return hashlib.sha256("\n\n".join(sorted(texts)).encode()).hexdigest()


def reached(roots: Iterable[str], within: Iterable[str], package: Path = PACKAGE) -> dict[str, str]:
    """The normalised text of each definition that `roots` reach, by place as `module:name`.

    At `module:` is what a module does when it is imported without defining anything by it.
    """
    within, todo = tuple(within), [*roots]
    trees: dict[str, list[ast.AST]] = {}
    mentioned = {*todo}
    while todo:
        place = todo.pop()
        if place in trees:
            continue
        module, name = place.split(":")
        definitions = _definitions(package, module)
        trees[place] = definitions[name]
        referred = {*_places(trees[place])} | ({f"{module}:"} if "" in definitions else set())
        mentioned |= referred
        todo += [one for one in referred if _is_within(one.split(":")[0], within)]
    names = Counter(place.split(":")[1] for place in mentioned)

    def label(place: str) -> str:
        """A definition's name alone, so that it may move; not if another has the same."""
        name = place.split(":")[-1]
        return place if name and names[name] > 1 else name

    return {
        place: "\n".join([label(place), *(_text(tree, label) for tree in found)])
        for place, found in trees.items()
    }


def _is_within(module: str, packages: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def _places(trees: Iterable[ast.AST]) -> Iterator[str]:
    """What the package defines of all that is named in trees."""
    for tree in trees:
        for part in ast.walk(tree):
            if isinstance(part, ast.Name) and ":" in part.id:
                yield part.id


def _text(part: object, label: Callable[[str], str]) -> str:
    """A syntax tree as text. Python's own, of `ast.unparse`, changes from version to version."""
    if isinstance(part, ast.Name):
        return label(part.id) if ":" in part.id else part.id
    if isinstance(part, ast.AST):
        fields = [
            f"{name}={_text(value, label)}"
            for name, value in ast.iter_fields(part)
            if name not in SKIPPED and value is not None and value != []
        ]
        return f"{type(part).__name__}({', '.join(fields)})"
    if isinstance(part, list):
        return f"[{', '.join(_text(one, label) for one in part)}]"
    return repr(part)


@cache
def _definitions(package: Path, module: str) -> dict[str, list[ast.AST]]:
    """A module's top-level statements, normalised, by the names they define, or by none."""
    path = package.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    statements = ast.parse(path.read_text(encoding="utf-8")).body
    imported: dict[str, str] = {}
    for statement in statements:
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            imported |= _imports(statement, package)
    own = {name: f"{module}:{name}" for statement in statements for name in _names(statement)}
    definitions: dict[str, list[ast.AST]] = {}
    for statement in statements:
        names = _names(statement)
        bound = own | imported | _imports(statement, package)
        if plain := _Plain(bound).visit(statement):
            for name in names or [""]:
                definitions.setdefault(name, []).append(plain)
    return definitions


def _names(statement: ast.AST) -> set[str]:
    """What a statement defines for those that come after it."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Name) and isinstance(statement.ctx, ast.Store):
        return {statement.id}
    if isinstance(statement, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        return set()
    return {name for part in ast.iter_child_nodes(statement) for name in _names(part)}


def _imports(node: ast.AST, package: Path) -> dict[str, str]:
    """What imports bind: `module:name` or `module:` of this package, or a name of another."""
    bound: dict[str, str] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            for alias in part.names:
                first = alias.name.split(".")[0]
                bound[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(part, ast.ImportFrom):
            root, _, parent = (part.module or "").partition(".")
            for alias in part.names:
                name = alias.asname or alias.name
                inner = f"{parent}.{alias.name}".removeprefix(".")
                path = package.joinpath(*inner.split("."))
                if root != package.name:
                    bound[name] = f"{part.module}.{alias.name}"
                elif path.is_dir() or path.with_suffix(".py").exists():
                    bound[name] = f"{inner}:"
                else:
                    bound[name] = f"{parent}:{alias.name}"
    return bound


class _Plain(ast.NodeTransformer):
    """Takes away what doesn't change behaviour, and names things by where they are defined."""

    def __init__(self, bound: Mapping[str, str]) -> None:
        self._bound = bound
        self._in_class = False

    def visit_Name(self, node: ast.Name) -> ast.AST:
        origin = self._bound.get(node.id, node.id)
        # Of a module of ours, only attributes matter.
        return node if origin.endswith(":") else ast.Name(origin)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name):
            origin = self._bound.get(node.value.id, "")
            if origin.endswith(":") and not node.attr.startswith("__"):
                return ast.Name(origin + node.attr)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        outside, self._in_class = self._in_class, True
        self.generic_visit(node)
        self._in_class = outside
        methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
        methods.sort(key=lambda method: method.name)  # they may stand in any order
        node.body = [*(one for one in node.body if one not in methods), *methods]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        outside, self._in_class = self._in_class, False
        node.returns = None
        self.generic_visit(node)
        self._in_class = outside
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        node.annotation = ast.Constant(None)
        self.generic_visit(node)
        if self._in_class:  # it may be a dataclass, which is made of these
            return node
        return node.value and ast.Assign([node.target], node.value)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        self.generic_visit(node)
        only_imports = not node.body and not node.orelse
        return None if only_imports and isinstance(node.test, ast.Name) else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        # Some versions of Python leave empty text in an f-string.
        node.values = [v for v in node.values if not isinstance(v, ast.Constant) or v.value]
        return self.generic_visit(node)

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        return None

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]
    visit_ImportFrom = visit_Import
