"""Fingerprints of code: they change when its behaviour may, and not when its text alone does.

A run's manifest holds the fingerprint of the code that its weights depend on, so that a change of
that code, and no other, trains the run again. From some definitions on, all that they refer to
within a part of the package is followed, wherever it stands. What is hashed is the syntax tree
without comments, docstrings, layout, type annotations, imports, and the places of definitions: none
of these can change a weight, and there is no list of files to keep by hand. A version number raised
by hand was the alternative; it can be forgotten, and a test that forces it would need weights that
are the same on every processor, which they are not.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


def fingerprint(roots: Iterable[str], within: Iterable[str], package: Path = PACKAGE) -> str:
    """SHA-256 of the definitions that `roots` reach.

    Args:
        roots: definitions to begin with, as `train.trainer:Trainer`.
        within: modules and packages whose definitions are followed, as `train`; others count as
            given.
        package: the folder of the package.

    Raises:
        KeyError: a root is not defined.
    """
    found = reached(roots, within, package)
    text = "\n\n".join(sorted(f"{place.split(':')[1]}\n{code}" for place, code in found.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def reached(roots: Iterable[str], within: Iterable[str], package: Path = PACKAGE) -> dict[str, str]:
    """The code of each definition that `roots` reach, normalised, by place as `module:name`."""
    within, todo, found = tuple(within), list(roots), {}
    while todo:
        place = todo.pop()
        if place in found:
            continue
        module, name = place.split(":")
        definitions, imported = _parsed(package, module)
        nodes = definitions[name]
        found[place] = "\n".join(ast.unparse(node) for node in nodes)
        for node in nodes:
            inner = imported | _imports(node, package)
            todo += [
                place
                for place in _referred(node, module, definitions, inner, package)
                if _is_within(place.split(":")[0], within)
            ]
    return found


def _is_within(module: str, packages: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def _referred(
    node: ast.AST,
    module: str,
    definitions: dict[str, list[ast.AST]],
    imported: dict[str, tuple[str, str | None]],
    package: Path,
) -> Iterable[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            origin, name = imported.get(part.id, (module, part.id))
            if name is None:
                continue  # a module, of which only attributes matter
            if part.id in imported or name in definitions:
                yield f"{origin}:{name}"
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            origin, name = imported.get(part.value.id, ("", ""))
            if name is None and part.attr in _parsed(package, origin)[0]:
                yield f"{origin}:{part.attr}"


@cache
def _parsed(
    package: Path, module: str
) -> tuple[dict[str, list[ast.AST]], dict[str, tuple[str, str | None]]]:
    """A module's top-level statements by the names they define, and what its imports bind."""
    path = package.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported: dict[str, tuple[str, str | None]] = {}
    definitions: dict[str, list[ast.AST]] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imported |= _imports(statement, package)
            continue
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names = {statement.name}
        else:
            targets: list[ast.AST] = [statement]
            if isinstance(statement, ast.Assign):
                targets = list(statement.targets)
            elif isinstance(statement, ast.AnnAssign):
                targets = [statement.target]
            names = {
                part.id
                for target in targets
                for part in ast.walk(target)
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
            }
        plain = _Plain().visit(statement)
        for name in names:
            definitions.setdefault(name, []).append(plain)
    return definitions, imported


def _imports(node: ast.AST, package: Path) -> dict[str, tuple[str, str | None]]:
    """What imports of this package bind: (module, name in it, or None for the module itself)."""
    bound: dict[str, tuple[str, str | None]] = {}
    for part in ast.walk(node):
        if not isinstance(part, ast.ImportFrom) or not (part.module or "").startswith(package.name):
            continue
        parent = (part.module or "").removeprefix(package.name).removeprefix(".")
        for alias in part.names:
            inner = f"{parent}.{alias.name}" if parent else alias.name
            path = package.joinpath(*inner.split("."))
            is_module = path.is_dir() or path.with_suffix(".py").exists()
            bound[alias.asname or alias.name] = (inner, None) if is_module else (parent, alias.name)
    return bound


class _Plain(ast.NodeTransformer):
    """Takes away what doesn't change behaviour."""

    def visit(self, node: ast.AST) -> ast.AST:
        node = super().visit(node)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            body = node.body
            if ast.get_docstring(node, clean=False) is not None:
                body = body[1:]
            if isinstance(node, ast.ClassDef):  # methods may stand in any order
                methods = [one for one in body if isinstance(one, ast.FunctionDef)]
                methods.sort(key=lambda method: method.name)
                body = [*(one for one in body if one not in methods), *methods]
            node.body = body or [ast.Pass()]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        if node.value is None:  # the field of a dataclass is its annotation
            return node
        return ast.copy_location(ast.Assign([node.target], node.value), node)
