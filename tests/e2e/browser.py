"""A headless Chromium, signed in to Home Assistant."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import io
from pathlib import Path
import re

from PIL import Image
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)

from tests.harness import synthetic_speech
from tests.harness.client import PASSWORD, USER
from tests.harness.config_dir import DOMAIN

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
SIZE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
PATIENCE = 40_000
expect.set_options(timeout=PATIENCE)
# A list that is taken away while it is laid out: its library rejects a promise of its own.
HARMLESS = "disconnected"
# The text of an element as a person reads it, through every shadow root.
READ = """element => {
  const read = node => node.nodeType === Node.TEXT_NODE ? node.data
    : ["STYLE", "SCRIPT", "svg"].includes(node.nodeName) ? ""
    : [...(node.shadowRoot?.childNodes ?? []), ...node.childNodes].map(read).join(" ");
  return read(element).replace(/\\s+/g, " ").trim();
}"""
# The pictures of other integrations come from the Internet.
FOREIGN = re.compile(rf"/api/brands/(?!integration/{DOMAIN}/)")


async def read(locator: Locator) -> str:
    """Return the text of an element."""
    return str(await locator.evaluate(READ))


class Screen:
    """A page of the frontend, with a memory for what went wrong on it."""

    def __init__(self, page: Page, url: str, pictures: Path) -> None:
        """Watch a page."""
        self.page = page
        self.complaints: list[str] = []
        self._url = url
        self._pictures = pictures
        page.set_default_timeout(PATIENCE)
        page.on("console", self._hear)
        page.on("pageerror", self._catch)

    async def sign_in(self) -> None:
        """Sign in with name and password."""
        await self.page.goto(self._url)
        await self.page.locator("input[name=username]").fill(USER)
        await self.page.locator("input[name=password]").fill(PASSWORD)
        await self.page.keyboard.press("Enter")
        await self.page.locator("ha-sidebar").wait_for()

    async def open(self, path: str) -> None:
        """Go to a place."""
        await self.page.goto(f"{self._url}{path}")

    async def press(self, name: str, within: Locator | None = None) -> None:
        """Press a button by its name."""
        place = within or self.page
        await place.get_by_role("button", name=name, exact=True).first.click()

    async def picture(self, name: str, folder: Path | None = None) -> None:
        """Keep a picture of what is on the screen; one with a place of its own is made small."""
        await self._settle()
        content = await self.page.screenshot(animations="disabled")
        if folder is None:
            (self._pictures / f"{name}.png").write_bytes(content)
            return
        folder.mkdir(parents=True, exist_ok=True)
        with Image.open(io.BytesIO(content)) as image:
            small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
            small.save(folder / f"{name}.png", optimize=True)

    async def _settle(self) -> None:
        """Wait for opening dialogs, ripples and fonts."""
        await self.page.evaluate("document.fonts.ready.then(() => null)")
        await self.page.wait_for_timeout(500)

    def _hear(self, message: ConsoleMessage) -> None:
        """Remember an error in the console."""
        where = str(message.location.get("url", ""))
        if message.type == "error" and not FOREIGN.search(where):
            self.complaints.append(f"{message.text} ({where})")

    def _catch(self, error: Error) -> None:
        """Remember an error of a script."""
        if str(error) != HARMLESS:
            self.complaints.append(str(error))


class Chromium:
    """One browser for all screens."""

    def __init__(self, browser: Browser, pictures: Path) -> None:
        """Take over a running browser."""
        self._browser = browser
        self._pictures = pictures

    @asynccontextmanager
    async def screen(self, url: str, locale: str) -> AsyncIterator[Screen]:
        """Sign in to a Home Assistant with a browser that prefers a language."""
        context = await self._browser.new_context(viewport=SIZE, locale=locale)
        screen = Screen(await context.new_page(), url, self._pictures)
        try:
            await screen.sign_in()
            yield screen
        except BaseException:
            await screen.picture("failure")
            raise
        finally:
            await context.close()


@asynccontextmanager
async def chromium(executable: Path, pictures: Path) -> AsyncIterator[Chromium]:
    """Run a browser, whose microphone hears the same sentence again and again."""
    sentence = pictures / "sentence.wav"
    synthetic_speech.write(sentence, 2.4, silence=4)
    flags = (*FLAGS, f"--use-file-for-fake-audio-capture={sentence}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=[*flags])
        try:
            yield Chromium(browser, pictures)
        finally:
            await browser.close()
