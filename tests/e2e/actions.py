"""Every action in the developer tools, field by field."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
import re

from tests.harness.check import Report
from tests.harness.client import Json
from tests.harness.config_dir import DOMAIN

from .browser import Screen
from .texts import Action, Field, Texts

PAGE = "/config/tools/action"
SCRIPT = (Path(__file__).parent / "actions.js").read_text()
BATCH = 25
EXAMPLES = 6

type Trouble = tuple[str, str]


async def check_actions(
    screen: Screen, report: Report, texts: Texts, actions: Iterable[Action]
) -> None:
    """Open every action and compare what the page shows with what it should."""
    actions = list(actions)
    troubles, fields = await _look(screen, texts, actions)
    if doubtful := {action for found in troubles.values() for action, _ in found}:
        # The page draws Markdown in a worker: a slow one still shows the action before.
        troubles, _ = await _look(screen, texts, [a for a in actions if a.name in doubtful])
    report.show("opened", f"{len(actions)} actions with {fields} fields in {texts.language}")
    for what, found in troubles.items():
        places = [place for _, place in found]
        examples = ", ".join(places[:EXAMPLES]) + (", …" if len(places) > EXAMPLES else "")
        report.expect(False, f"{what} ({len(places)}): {examples}")
    report.expect(
        not troubles,
        "everything is rendered, and a picked action sends what was entered and no more",
    )


async def _look(
    screen: Screen, texts: Texts, actions: Sequence[Action]
) -> tuple[dict[str, list[tuple[str, str]]], int]:
    """Return what is wrong, each with the names and places of actions, and the number of fields."""
    await screen.open(PAGE)
    await screen.page.locator("ha-service-picker").wait_for()
    troubles: dict[str, list[tuple[str, str]]] = {}
    fields = 0
    for start in range(0, len(actions), BATCH):
        batch = actions[start : start + BATCH]
        seen = await screen.page.evaluate(SCRIPT, [f"{DOMAIN}.{action.name}" for action in batch])
        for action in batch:
            shown = seen[f"{DOMAIN}.{action.name}"]
            fields += len(shown["fields"])
            for what, where in _compare(action, shown, texts):
                troubles.setdefault(what, []).append((action.name, where))
    return troubles, fields


def _compare(action: Action, shown: Json, texts: Texts) -> Iterator[Trouble]:
    """Yield what is wrong with an action, and where."""
    key = f"services.{action.name}"
    yield from _text("the action's name", action.name, shown["name"], texts.get(f"{key}.name"))
    description = texts.get(f"{key}.description")
    yield from _text("the action's description", action.name, shown["description"], description)
    for section, header in zip(action.sections, shown["sections"], strict=False):
        name = texts.get(f"{key}.sections.{section}.name")
        yield from _text("a section's name", f"{action.name}.{section}", header, name)
    if not all(shown["icons"]):
        yield "an icon is not drawn", action.name
    if shown["prefilled"] != {}:
        yield "picking the action fills in values", f"{action.name} {shown['prefilled']}"
    if len(shown["sections"]) != len(action.sections):
        yield "sections are missing", action.name
    rendered = {field["key"]: field for field in shown["fields"]}
    for name, field in action.fields.items():
        where = f"{action.name}.{name}"
        if name not in rendered:
            yield "the field is not there", where
            continue
        yield from _widget(field, where, rendered[name], texts)
        label, text = rendered[name]["label"], rendered[name]["description"]
        yield from _text("a label", where, label, texts.get(f"{key}.fields.{name}.name"))
        expected = texts.get(f"{key}.fields.{name}.description")
        yield from _text("a field's description", where, text, expected)


def _widget(field: Field, where: str, shown: Json, texts: Texts) -> Iterator[Trouble]:
    """Yield what is wrong with the widget of a field."""
    if shown["widget"] != f"ha-selector-{field.selector}" or not shown["rendered"]:
        yield f"the selector {field.selector or 'is missing and'} shows nothing", where
    if shown["disabled"]:
        yield "the field stays disabled although its box is ticked", where
    if isinstance(field.example, dict | list):
        yield "the example is filled in as [object Object]", where
    for name in field.missing(texts):
        yield "the inside of the widget has no text", f"{where}.{name}"


def _text(what: str, where: str, shown: str, expected: str) -> Iterator[Trouble]:
    """Yield what is wrong with a text."""
    if not expected:
        yield f"{what} is not translated", where
    elif _plain(shown) != _plain(expected):
        yield f"{what} is not shown as written", f"{where} ({shown[:80]!r})"


def _plain(text: str) -> str:
    """Return a text without markup and without the differences that a browser makes."""
    return re.sub(r"[\s`*\\]+", "", text)
