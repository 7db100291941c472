"""What the documents show can be copied, and what they link to is there."""

from collections.abc import AsyncGenerator
from pathlib import Path
import re
from typing import Any

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
import pytest

from custom_components.openai_api.action import ActionDescription
from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.condition import async_get_conditions
from custom_components.openai_api.const import DOMAIN, EVENT_TYPES
from custom_components.openai_api.services import effective_fields, schema
from custom_components.openai_api.trigger import NOTICES, async_get_triggers
from tests.documentation import EXAMPLES, PAGES, ROOT, mappings

ROWS = {action.key: action for action in ACTIONS}
METHODS_OF_NODE_RED = 155
README_BYTES = 12 * 1024
CONFIGURATION = {"logger", "template"}
"""What an example for configuration.yaml begins with."""
SECRETS = {"api_key", "authorization", "credential", "key", "password", "secret", "token"}

_FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_NAME = re.compile(rf"\b{DOMAIN}\.([a-z0-9_]+)")
_EVENT = re.compile(rf"\b{DOMAIN}_\w+_event\b")
_NOTICE = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
_INDEXED = re.compile(r"^\| \[`(\w+)`\]\(\S+\) \| [^|]+ \| ([^|]+) \|", re.MULTILINE)
_NODE_RED = re.compile(r"^\| `([a-z][A-Za-z]+)` \| \[`(\w+)`\]\(actions/(\w+)\.md\)", re.MULTILINE)


def place(page: Path) -> str:
    """Return the name of a page in the names of tests."""
    return str(page.relative_to(ROOT))


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


@pytest.fixture(name="hass")
async def hass_fixture(tmp_path: Path) -> AsyncGenerator[HomeAssistant]:
    """Return a bare Home Assistant, without which no template is looked at."""
    hass = HomeAssistant(str(tmp_path))
    yield hass
    await hass.async_stop(force=True)


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_examples_use_existing_action_fields(page: Path) -> None:
    for step in mappings([example.data for example in EXAMPLES if example.page == page]):
        if (key := of_ours(step.get("action"))) is None:
            continue
        assert key in ROWS, f"there is no action {key}"
        check_call(ROWS[key], step.get("data") or {})
        assert "response_variable" in step or not ROWS[key].only_answers, f"{key} only answers"


@pytest.mark.parametrize("page", PAGES, ids=place)
@pytest.mark.usefixtures("hass")
async def test_examples_are_valid_config(page: Path) -> None:
    for example in EXAMPLES:
        if example.page == page:
            check_config(example.data)


def check_config(found: Any) -> None:
    """Check an automation, a script or a step as Home Assistant's configuration is checked."""
    if isinstance(found, dict) and found.keys() & CONFIGURATION:
        return
    if isinstance(found, dict) and "sequence" in found:
        assert set(found) <= {"alias", "fields", "sequence"}
        cv.SCRIPT_SCHEMA(found["sequence"])
    elif isinstance(found, dict) and "triggers" in found:
        assert set(found) <= {"alias", "mode", "max", "triggers", "conditions", "actions"}
        cv.TRIGGER_SCHEMA(found["triggers"])
        cv.CONDITIONS_SCHEMA(found.get("conditions", []))
        cv.SCRIPT_SCHEMA(found["actions"])
    else:
        cv.SCRIPT_SCHEMA(found)


@pytest.mark.parametrize("page", PAGES, ids=place)
async def test_examples_use_existing_triggers_and_conditions(
    page: Path, hass: HomeAssistant
) -> None:
    triggers, conditions = await async_get_triggers(hass), await async_get_conditions(hass)
    for found in mappings([example.data for example in EXAMPLES if example.page == page]):
        options = found.get("options", {})
        # They look up entries, and nothing else, so none may be named here.
        assert "config_entry_id" not in options
        if (key := of_ours(found.get("trigger"))) is not None:
            await triggers[key].async_validate_config(hass, {"options": options})
        if (key := of_ours(found.get("condition"))) is not None:
            await conditions[key].async_validate_config(hass, {"options": options})
        if found.get("trigger") == "event" and found["event_type"].startswith(DOMAIN):
            assert found["event_type"] in EVENT_TYPES


@pytest.mark.parametrize("page", PAGES, ids=place)
async def test_documented_names_exist(page: Path, hass: HomeAssistant) -> None:
    text = page.read_text()
    known = {*ROWS, *await async_get_triggers(hass), *await async_get_conditions(hass)}
    assert set(_NAME.findall(text)) <= known
    assert set(_EVENT.findall(text)) <= set(EVENT_TYPES)


@pytest.mark.parametrize("page", PAGES, ids=place)
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
    groups = {page for page in PAGES if page.parent.name == "actions" and page.stem != "README"}
    assert set(PAGES) - {index} - groups <= linked


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) < README_BYTES


def test_action_index_lists_every_action() -> None:
    index = (ROOT / "docs" / "actions" / "README.md").read_text()
    rows = _INDEXED.findall(index)
    assert [key for key, _ in rows] == list(ROWS)
    # All but what asks nobody, or more than once, has the request that the SDK makes.
    without = {key for key, request in rows if request == "–"}
    assert without == {
        "list_watched_jobs",
        "run_agent_session",
        "stop_watching_job",
        "tidy_up_saved_files",
        "unwrap_webhook_event",
        "upload_file_chunked",
        "verify_webhook_signature",
        "watch_job",
    }


async def test_triggers_and_conditions_documented(hass: HomeAssistant) -> None:
    text = (ROOT / "docs" / "events.md").read_text()
    names = {*await async_get_triggers(hass), *await async_get_conditions(hass)}
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
