"""Checks that docstrings of public functions say what a caller needs to know.

A function that raises an error of this integration says so with the word "Raises", followed by
the class of the error and, where that class has many texts, by the key of the text.

A function that returns a dict, a list of dicts or a tuple says what is in it, in one of these forms:
- a shape in backticks, which begins with a bracket: `{"id": …, "status": …}`, `(body, content type)`
- an object of the API by its name: "the API's `response`"
- the same as another function: "what `parse_body` returns"
"""

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path
import re
import sys
from typing import TypeGuard

ROOT = Path(__file__).resolve().parent.parent / "custom_components/openai_api"
FACTORIES = {"api_error": "HomeAssistantError", "validation_error": "ServiceValidationError"}
"""The class of the errors that each function makes from the key of a text."""
NEEDS_SHAPE = re.compile(r"\b(?:Json\b|dict\[|tuple\[(?![^\[\]]*\.\.\.\]))")
SHAPE = re.compile(r"`[\[{(]|\bthe API's `|\bwhat `[\w.]+` returns")

type Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> int:
    """Print what is missing; return 1 if anything is."""
    found = [line for path in sorted(ROOT.rglob("*.py")) for line in _missing(path)]
    for line in found:
        print(line)
    return 1 if found else 0


def _missing(path: Path) -> Iterator[str]:
    """Yield a line for each error and each shape that a docstring does not name."""
    for function in _public(ast.parse(path.read_text())):
        place = f"{path.relative_to(ROOT.parent.parent)}:{function.lineno}: {function.name}"
        text = " ".join((ast.get_docstring(function) or "").split())
        raises = text[text.lower().find("raise") :] if "raise" in text.lower() else ""
        for name in sorted(_raised(function)):
            if name not in raises:
                yield f"{place} raises {name}, which its docstring does not name"
        if _needs_shape(function) and SHAPE.search(text) is None:
            yield f"{place} returns an object whose shape its docstring does not say"


def _public(tree: ast.Module) -> Iterator[Function]:
    """Yield the functions of a module, and the methods of its public classes."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (item for item in node.body if _is_public(item))
        elif _is_public(node):
            yield node


def _is_public(node: ast.stmt) -> TypeGuard[Function]:
    """Return whether something is a public function with a docstring of its own."""
    return (
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not any(
            isinstance(item, ast.Name) and item.id == "override" for item in node.decorator_list
        )
    )


def _needs_shape(function: Function) -> bool:
    """Return whether the annotation of what a function returns leaves open what is in it."""
    is_property = any("property" in ast.unparse(item) for item in function.decorator_list)
    annotation = "" if function.returns is None else ast.unparse(function.returns)
    return not is_property and NEEDS_SHAPE.search(annotation) is not None


def _raised(function: Function) -> set[str]:
    """Return the keys and classes of the errors that are raised in a function."""
    found = set()
    for node in ast.walk(function):
        if not isinstance(node, ast.Raise) or node.exc is None:
            continue
        call = node.exc
        match call:
            case ast.Call(func=ast.Name(id=name), args=args) if name in FACTORIES:
                found |= {
                    FACTORIES[name],
                    *(str(arg.value) for arg in args[:1] if isinstance(arg, ast.Constant)),
                }
            case ast.Call(func=ast.Name(id=name)) | ast.Name(id=name) if _is_own(name):
                found.add(name)
    return found


def _is_own(name: str) -> bool:
    """Return whether a name is that of an error of ours, and not of a variable or of Python."""
    return name[0].isupper() and not hasattr(builtins, name)


if __name__ == "__main__":
    sys.exit(main())
