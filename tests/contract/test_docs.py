"""What the documents show can be copied, and what they link to is there."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
import re
from typing import Any, NamedTuple

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
import pytest
import yaml

from custom_components.openai_api.action import ActionDescription
from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.condition import async_get_conditions
from custom_components.openai_api.const import DOMAIN, EVENT_TYPES
from custom_components.openai_api.services import effective_fields, schema
from custom_components.openai_api.trigger import NOTICES, async_get_triggers

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROWS = {action.key: action for action in ACTIONS}
METHODS_OF_NODE_RED = 155
SECRETS = {"api_key", "authorization", "credential", "key", "password", "secret", "token"}

_BLOCK = re.compile(r"^( *)```yaml\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_NAME = re.compile(rf"\b{DOMAIN}\.([a-z0-9_]+)")
_EVENT = re.compile(rf"\b{DOMAIN}_\w+_event\b")
_NOTICE = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
_NODE_RED = re.compile(r"^\| `([a-z][A-Za-z]+)` \| \[`(\w+)`\]\(actions/(\w+)\.md\)", re.MULTILINE)


class Example(NamedTuple):
    """A block of YAML in a page."""

    page: Path
    line: int
    text: str

    @property
    def data(self) -> Any:
        """Return what it says."""
        return yaml.safe_load(self.text)  # type: ignore[no-untyped-call]

    @property
    def place(self) -> str:
        """Return where it stands, as the names of tests show it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def examples() -> Iterator[Example]:
    """Yield all examples."""
    for page in PAGES:
        text = page.read_text()
        for found in _BLOCK.finditer(text):
            indent = found[1]
            lines = [line.removeprefix(indent) for line in found[2].splitlines()]
            yield Example(page, text.count("\n", 0, found.start()) + 1, "\n".join(lines))


EXAMPLES = tuple(examples())


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in an example, at whatever depth."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from mappings(item)
    elif isinstance(value, list):
        for item in value:
            yield from mappings(item)


def is_template(value: Any) -> bool:
    """Tell whether a value is made at run time, or any part of it."""
    if isinstance(value, dict):
        return any(is_template(item) for item in value.values())
    if isinstance(value, list):
        return any(is_template(item) for item in value)
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def of_ours(value: Any) -> str | None:
    """Return what a name of this integration names there, or None for a foreign one."""
    if isinstance(value, str) and value.startswith(f"{DOMAIN}."):
        return value.removeprefix(f"{DOMAIN}.")
    return None


def check_call(action: ActionDescription, data: dict[str, Any]) -> None:
    """Check a call as Home Assistant would, but for the values that are made at run time."""
    checks = {str(marker): check for marker, check in schema(action).schema.items()}
    assert set(data) <= set(checks), f"{action.key} has no {set(data) - set(checks)}"
    if not is_template(data):
        schema(action)(data)
        return
    assert {field.key for field in effective_fields(action) if field.required} <= set(data)
    for key, value in data.items():
        if not is_template(value):
            checks[key](value)


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page."""
    return {slug(heading) for heading in _HEADING.findall(_FENCED.sub("", page.read_text()))}


@pytest.fixture(name="house")
async def house_fixture(tmp_path: Path) -> AsyncGenerator[HomeAssistant]:
    """Return a bare Home Assistant, without which no template is looked at."""
    house = HomeAssistant(str(tmp_path))
    yield house
    await house.async_stop(force=True)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.place)
def test_examples_use_existing_action_fields(example: Example) -> None:
    for step in mappings(example.data):
        if (key := of_ours(step.get("action"))) is None:
            continue
        assert key in ROWS, f"there is no action {key}"
        check_call(ROWS[key], step.get("data") or {})
        assert "response_variable" in step or not ROWS[key].only_answers, f"{key} only answers"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.place)
@pytest.mark.usefixtures("house")
async def test_examples_are_valid_config(example: Example) -> None:
    found = example.data
    if isinstance(found, dict) and "logger" in found:
        return
    if isinstance(found, dict) and "triggers" in found:
        assert set(found) <= {"alias", "mode", "max", "triggers", "conditions", "actions"}
        cv.TRIGGER_SCHEMA(found["triggers"])
        cv.CONDITIONS_SCHEMA(found.get("conditions", []))
        cv.SCRIPT_SCHEMA(found["actions"])
    else:
        cv.SCRIPT_SCHEMA(found)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.place)
async def test_examples_use_existing_triggers_and_conditions(
    example: Example, house: HomeAssistant
) -> None:
    triggers, conditions = await async_get_triggers(house), await async_get_conditions(house)
    for found in mappings(example.data):
        options = found.get("options", {})
        # They look up entries, and nothing else, so none may be named here.
        assert "config_entry_id" not in options
        if (key := of_ours(found.get("trigger"))) is not None:
            await triggers[key].async_validate_config(house, {"options": options})
        if (key := of_ours(found.get("condition"))) is not None:
            await conditions[key].async_validate_config(house, {"options": options})
        if found.get("trigger") == "event" and found["event_type"].startswith(DOMAIN):
            assert found["event_type"] in EVENT_TYPES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
async def test_documented_names_exist(page: Path, house: HomeAssistant) -> None:
    text = page.read_text()
    known = {*ROWS, *await async_get_triggers(house), *await async_get_conditions(house)}
    assert set(_NAME.findall(text)) <= known
    assert set(_EVENT.findall(text)) <= set(EVENT_TYPES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    for link in _LINK.findall(_FENCED.sub("", page.read_text())):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_index_lists_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    links = [link.partition("#")[0] for link in _LINK.findall(index.read_text())]
    linked = {(index.parent / link).resolve() for link in links}
    assert {page for page in PAGES if page.parent == index.parent} - {index} <= linked


async def test_triggers_and_conditions_documented(house: HomeAssistant) -> None:
    text = (ROOT / "docs" / "events.md").read_text()
    names = {*await async_get_triggers(house), *await async_get_conditions(house)}
    assert names
    assert all(f"`{DOMAIN}.{name}`" in text for name in names)


def test_notices_documented() -> None:
    described = set(_NOTICE.findall((ROOT / "docs" / "events.md").read_text()))
    assert set(NOTICES) <= described


def test_node_red_methods_have_actions() -> None:
    rows = _NODE_RED.findall((ROOT / "docs" / "node-red.md").read_text())
    assert len({name for name, _, _ in rows}) == len(rows) == METHODS_OF_NODE_RED
    for name, key, page in rows:
        assert name.lower() == key.replace("_", "")
        assert f"`{DOMAIN}.{key}`" in (ROOT / "docs" / "actions" / f"{page}.md").read_text()


def test_actions_have_no_api_key_field() -> None:
    found = {(action.key, field.key) for action in ACTIONS for field in action.fields}
    # The entry may keep this one instead, as its description says.
    webhooks = {(key, "secret") for key in ("unwrap_webhook_event", "verify_webhook_signature")}
    assert {pair for pair in found if pair[1] in SECRETS} == webhooks
