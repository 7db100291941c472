"""Checks that docstrings of public functions name the errors that the functions raise.

A function of the folders below that raises an error of ours says so with the word "Raises",
followed by the class of the error and, where that has many texts, by the key of the text.
"""

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path
import sys
from typing import TypeGuard

ROOT = Path(__file__).resolve().parent.parent / "custom_components/openai_api"
FOLDERS = ("api", "jobs", "media", "realtime", "streaming", "webhooks", "websocket")
FACTORIES = {"api_error": "HomeAssistantError", "validation_error": "ServiceValidationError"}
"""The class of the errors that each function makes from the key of a text."""

type Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> int:
    """Print what is missing; return 1 if anything is."""
    found = [
        line
        for folder in FOLDERS
        for path in sorted((ROOT / folder).glob("*.py"))
        for line in _missing(path)
    ]
    for line in found:
        print(line)
    return 1 if found else 0


def _missing(path: Path) -> Iterator[str]:
    """Yield a line for each error that a docstring does not name."""
    for function in _public(ast.parse(path.read_text())):
        text = ast.get_docstring(function) or ""
        told = text[text.lower().find("raise") :] if "raise" in text.lower() else ""
        for name in sorted(_raised(function)):
            if name not in told:
                yield f"{path.relative_to(ROOT.parent.parent)}:{function.lineno}: {function.name} raises {name}, which its docstring does not name"


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
