"""Where a person makes automations: the editor and the blueprints."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
import re

from aiohttp import web
from playwright.async_api import expect

from tests.harness import HomeAssistantProcess
from tests.harness.check import Report
from tests.harness.config_dir import DOMAIN
from tests.harness.process import HOST, ROOT, free_port

from .browser import Screen, read
from .pages import DASHBOARD
from .texts import Texts

EDITOR = "/config/automation/edit/new"
IMPORT = "/config/blueprint/dashboard/import?blueprint_url="
BLUEPRINTS = ROOT / "blueprints"
BLUEPRINT = f"automation/{DOMAIN}/ask_by_voice.yaml"
NAME_OF_INTEGRATION = "OpenAI API"
NAME = "After an answer"
QUESTION = "ask the computer why the sky is blue"
# Actions whose forms once began with values, and one of every kind of answer.
PICKED = (
    "create_model_response",
    "parse_model_response",
    "create_chat_completion",
    "create_completion",
    "create_embedding",
    "create_image",
    "create_speech",
    "create_transcription",
    "list_models",
    "create_vector_store",
    "connect_realtime_websocket",
    "watch_job",
)
OPTIONS = ("type", "connection_id", "config_entry_id")


async def trigger(
    screen: Screen, report: Report, texts: Texts, home: HomeAssistantProcess, picture: Path | None
) -> None:
    """Make an automation that one of the integration's triggers starts."""
    page = screen.page
    trigger_name = texts["triggers.realtime_notice.name"]
    notice = texts["selector.realtime_notice.options.turn_done"]
    await screen.open(EDITOR)
    await screen.press("Add trigger")
    picker = page.locator("add-automation-element-dialog")
    await picker.locator("ha-input-search input").fill(trigger_name)
    await picker.get_by_text(trigger_name, exact=True).last.click()
    editor = page.locator("ha-automation-trigger-platform")
    rows = editor.locator("ha-settings-row")
    await rows.first.wait_for()
    shown = [await read(row) for row in await rows.all()]
    names = [texts[f"triggers.realtime_notice.fields.{key}.name"] for key in OPTIONS]
    report.expect(
        all(any(name in text for text in shown) for name in names), "every option has its name"
    )
    row = rows.filter(has=page.get_by_text(names[0], exact=True)).first
    await row.locator("ha-checkbox").click()
    choices = row.locator("ha-selector-select")
    await choices.wait_for()
    add = choices.get_by_role("button", name="Add")
    # Home Assistant 2026.10 has a list there, without a button.
    await (add if await add.count() else choices).click()
    await page.get_by_text(notice, exact=True).last.click()
    await screen.picture("trigger", picture)
    await screen.press("Save")
    dialog = page.locator("ha-dialog").last
    await dialog.get_by_role("textbox").fill(NAME)
    await screen.press("Save", dialog)
    await dialog.wait_for(state="detached")
    saved = _automations(home)
    report.expect(f"{DOMAIN}.realtime_notice" in saved, "the automation is saved")
    states = (await home.states()).values()
    state = next(found for found in states if found["attributes"].get("friendly_name") == NAME)
    report.show("automation", state["state"])
    report.expect(state["state"] == "on", "the automation is at work")


async def add_actions(screen: Screen, report: Report, texts: Texts) -> None:
    """Add actions to new automations and look at what the YAML of each says."""
    report.show("picked", ", ".join(PICKED))
    empty = True
    for action in PICKED:
        yaml = await _yaml_of_picked(screen, texts[f"services.{action}.name"])
        if f"action:{DOMAIN}.{action}" not in yaml or not yaml.endswith("data:{}"):
            report.show(action, yaml)
            empty = False
    report.expect(empty, "a picked action holds no data in its YAML")


async def _yaml_of_picked(screen: Screen, name: str) -> str:
    """Pick an action by its name in a new automation, and return what its YAML mode shows."""
    page = screen.page
    await screen.open(EDITOR)
    await screen.press("Add action")
    picker = page.locator("add-automation-element-dialog")
    await picker.locator("ha-input-search input").fill(name)
    await picker.get_by_text(f"{NAME_OF_INTEGRATION}: {name}", exact=True).first.click()
    # Its form is on the screen, so that what it fills in is there, too.
    await page.locator("ha-service-control ha-settings-row").first.wait_for()
    sidebar = page.locator("ha-automation-sidebar")
    await screen.press("Menu", sidebar)
    await sidebar.get_by_role("menuitem", name="Edit in YAML").click()
    editor = sidebar.locator("ha-automation-sidebar-card ha-yaml-editor .cm-content").first
    await editor.wait_for()
    return "".join((await read(editor)).split())


async def blueprint(screen: Screen, report: Report, home: HomeAssistantProcess) -> None:
    """Import a blueprint as the buttons of the README do, and make an automation of it."""
    async with _served(BLUEPRINTS) as url:
        await screen.open(f"{IMPORT}{url}/{BLUEPRINT}")
        dialog = screen.page.locator("ha-dialog").last
        await screen.press("Preview", dialog)
        await screen.press("Import blueprint", dialog)
        await dialog.wait_for(state="detached")
    found = await home.command("blueprint/list", domain="automation")
    mine = [one for path, one in found.items() if path.endswith(Path(BLUEPRINT).name)]
    report.expect(len(mine) == 1 and "error" not in mine[0], "the blueprint is imported")
    name = mine[0]["metadata"]["name"]
    report.show("blueprint", name)
    await screen.page.get_by_text(name, exact=True).first.click()
    await screen.press("Save")
    await screen.page.wait_for_url(re.compile(r"/edit/\d+$"))
    report.expect(Path(BLUEPRINT).name in _automations(home), "an automation is made of it")


async def voice(screen: Screen, report: Report, picture: Path | None) -> None:
    """Ask the automation of the blueprint, in the chat of Home Assistant."""
    await screen.open(DASHBOARD)
    await screen.page.locator("hui-markdown-card").first.wait_for()
    await screen.page.keyboard.press("a")
    chat = screen.page.locator("ha-voice-command-dialog")
    await chat.locator("input").fill(QUESTION)
    await screen.page.keyboard.press("Enter")
    bubbles = chat.locator(".message.hass")
    await expect(bubbles).to_have_count(2)
    await expect(bubbles.last).to_have_text(re.compile(r"\w{3}"))
    answer = await read(bubbles.last)
    report.show("answer", answer)
    report.expect("Sorry" not in answer, "the question is answered")
    await screen.picture("voice", picture)


def _automations(home: HomeAssistantProcess) -> str:
    """Return what is saved of the automations."""
    return (home.folder / "automations.yaml").read_text()


@asynccontextmanager
async def _served(folder: Path) -> AsyncIterator[str]:
    """Serve a folder's files at an address."""
    app, port = web.Application(), free_port()
    app.router.add_static("/", folder)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{port}"
    finally:
        await runner.cleanup()
