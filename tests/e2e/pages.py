"""The places where a person meets the integration every day."""

from pathlib import Path

from playwright.async_api import Locator, expect

from tests.harness.check import Report
from tests.harness.client import Json
from tests.harness.config_dir import DOMAIN

from .browser import Screen, read
from .texts import Texts

TOOLS = "/config/tools/action"
MEDIA = "/media-browser/browser"
DASHBOARD = "/openai-demo"
NAME = "OpenAI API"
FOLDER = "Pictures"


class Tools:
    """The developer tools with one action of the integration."""

    def __init__(self, screen: Screen, texts: Texts, action: str) -> None:
        """Say which action is meant; nothing is opened yet."""
        self._page = screen.page
        self._screen = screen
        self._texts = texts
        self._action = action

    async def open(self) -> None:
        """Pick the action in the list."""
        await self._screen.open(TOOLS)
        picker = self._page.locator("ha-service-picker")
        # Not in its middle or at its end: the button that clears it may be there.
        await picker.click(position={"x": 60, "y": 28})
        search = picker.locator("ha-input-search input")
        await search.fill(self._texts[f"services.{self._action}.name"])
        found = picker.locator("ha-picker-combo-box")
        await found.get_by_text(f"{DOMAIN}.{self._action}", exact=True).click()
        # The rows of the action that was here before go away with its description.
        description = self._page.locator("ha-service-control .description p")
        await expect(description).to_have_text(self._texts[f"services.{self._action}.description"])

    async def fill(self, **values: str) -> None:
        """Tick fields and fill them in."""
        for key, value in values.items():
            row = await self._row(key)
            box = row.get_by_role("checkbox")
            if await box.count() and not await box.is_checked():
                await row.locator("ha-checkbox").click()
            await row.get_by_role("textbox").fill(value)

    async def run(self) -> Json:
        """Perform the action and return its answer."""
        await self._screen.press("Perform action")
        answer = self._page.locator("tools-action .response")
        refusal = self._page.locator("tools-action ha-alert")
        await answer.or_(refusal).first.wait_for()
        if await refusal.count():
            raise LookupError(await read(refusal))
        await answer.scroll_into_view_if_needed()
        await answer.locator(".cm-line").first.wait_for()
        response: Json = await answer.locator("ha-yaml-editor").evaluate("editor => editor.value")
        return response

    async def _row(self, key: str) -> Locator:
        """Find the row of a field by its label."""
        label = self._texts[f"services.{self._action}.fields.{key}.name"]
        rows = self._page.locator("ha-service-control ha-settings-row")
        return rows.filter(has=self._page.get_by_text(label, exact=True)).first


async def ask(screen: Screen, report: Report, texts: Texts, picture: Path | None) -> None:
    """Ask a model in the developer tools."""
    tools = Tools(screen, texts, "create_model_response")
    await tools.open()
    await tools.fill(model="gpt-5-mini", input="Is it a good day to hang out the laundry?")
    await screen.picture("action", picture)
    answer = await tools.run()
    report.show("answer", answer["output_text"])
    report.expect(answer["output_text"], "the answer is shown")
    await screen.picture("answer")


async def paint(screen: Screen, report: Report, texts: Texts, picture: Path | None) -> None:
    """Make a picture and find it in the media browser."""
    tools = Tools(screen, texts, "create_image")
    await tools.open()
    await tools.fill(prompt="A small house under a starry sky", model="gpt-image-1")
    report.show("answer", ", ".join(await tools.run()))
    await screen.open(MEDIA)
    cards = screen.page.locator("ha-media-player-browse .child")
    await cards.filter(has_text=NAME).first.click()
    await cards.filter(has_text=FOLDER).first.click()
    saved = cards.filter(has=screen.page.locator("[class*=thumbnail], .image")).first
    await saved.wait_for()
    title = await read(saved)
    report.show("saved", title)
    report.expect(title, "the picture is in the media browser")
    await screen.picture("media", picture)
    await saved.click()
    image = screen.page.locator("hui-dialog-web-browser-play-media img")
    await image.wait_for()
    script = "image => image.decode().then(() => image.naturalWidth, () => 0)"
    report.expect(await image.evaluate(script), "the picture opens")
    await screen.picture("media-opened")


async def dashboard(screen: Screen, report: Report, picture: Path | None) -> None:
    """Ask on the demonstration dashboard, once and over a lasting connection."""
    await screen.open(DASHBOARD)
    cards = screen.page.locator("hui-markdown-card")
    rows = screen.page.locator("hui-input-button-entity-row")

    async def press(button: str) -> None:
        """Press the button in the row of this name."""
        row = rows.filter(has=screen.page.get_by_text(button, exact=True))
        await screen.press("Press", row)

    await press("Ask")
    answer = cards.first
    await expect(answer).to_contain_text("completed")
    report.show("answer", await read(answer))
    report.expect(True, "the answer appears")
    await press("Connect")
    state = screen.page.locator("hui-sensor-entity-row").first
    await expect(state).to_contain_text("connected")
    await press("Send")
    events = cards.nth(2)
    await expect(events).to_contain_text("response.completed")
    report.show("events", await read(events))
    report.expect(True, "the events of the connection appear")
    await screen.picture("dashboard", picture)
    await press("Close")
    await expect(events).to_contain_text("disconnected")
