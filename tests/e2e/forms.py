"""The dialogs that add a service and change it."""

from pathlib import Path
import re

from playwright.async_api import Locator

from tests.harness.check import Report
from tests.harness.client import Json
from tests.harness.config_dir import DOMAIN

from .browser import PHONE, SIZE, Screen, read
from .texts import Texts

DASHBOARD = "/config/integrations/dashboard"
INTEGRATION = f"/config/integrations/integration/{DOMAIN}"
NAME = "OpenAI API"


class Dialog:
    """A form of the integration."""

    def __init__(self, screen: Screen, texts: Texts, step: str) -> None:
        """Say which form is expected; nothing is waited for yet."""
        self._screen = screen
        self._texts = texts
        self._step = step
        self._box = screen.page.locator("dialog-data-entry-flow")

    async def wait(self, *, unfold: bool = True) -> None:
        """Wait for the form and unfold its sections."""
        await self._box.locator("ha-form").first.wait_for()
        if unfold:
            await self.unfold()

    async def unfold(self) -> None:
        """Unfold the sections."""
        for panel in await self._box.locator("ha-expansion-panel").all():
            await panel.evaluate("panel => { panel.expanded = true; }")

    async def fill(self, settings: Json) -> None:
        """Fill in fields by their labels."""
        for key, value in settings.items():
            if options := self._options(key):
                # The button has no name in Home Assistant 2026.10.
                select = self._box.locator("ha-select").filter(has_text=self._label(key))
                await self._field(key, "button").or_(select).first.click()
                await self._box.get_by_role("menuitem", name=options[value], exact=True).click()
            else:
                await self._field(key, "textbox").fill(value)

    async def value(self, key: str) -> str:
        """Return what a text field holds."""
        return await self._field(key, "textbox").input_value()

    async def submit(self) -> None:
        """Send the form."""
        await self._screen.press("Submit", self._box)

    async def error(self) -> str:
        """Return the complaint of the form."""
        alert = self._box.locator("ha-alert").first
        await alert.wait_for()
        return await read(alert)

    async def sees_error(self) -> bool:
        """Return whether the whole complaint is on the screen."""
        alert = self._box.locator("ha-alert").first
        await self._screen.page.wait_for_timeout(500)
        script = """alert => { const box = alert.getBoundingClientRect();
          return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight; }"""
        return bool(await alert.evaluate(script))

    async def leave(self, key: str) -> None:
        """Press the Tab key a few times in the first line of a list of texts."""
        label = self._label(key)
        field = self._box.locator("ha-selector").filter(has_text=label).last
        await field.get_by_role("button", name="Add").click()
        await field.get_by_role("textbox").first.focus()
        for _ in range(4):
            await self._screen.page.keyboard.press("Tab")

    async def has_left(self, key: str) -> bool:
        """Return whether no line of a list of texts has the focus."""
        label = self._label(key)
        field = self._box.locator("ha-selector").filter(has_text=label).last
        return not await field.evaluate("field => field.matches(':focus-within')")

    async def close(self) -> None:
        """Close the dialog without an end."""
        await self._box.get_by_role("button", name="Close").first.click()
        await self._box.locator("ha-form").first.wait_for(state="detached")

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """Return the button of the dialog with this name."""
        return self._box.get_by_role("button", name=name).last

    async def ending(self) -> str:
        """Wait for the last page of the dialog and return what it says."""
        page = self._box.locator("step-flow-create-entry, step-flow-abort")
        await page.wait_for()
        return await read(page)

    async def finish(self) -> str:
        """Wait for the last page of the dialog, return what it says and close it."""
        said = await self.ending()
        await self.button(re.compile("^(Finish|Close)$")).click()
        await self._box.locator("ha-form, step-flow-abort").first.wait_for(state="detached")
        return said

    async def labels(self) -> set[str]:
        """Return the names of the fields that the form shows."""
        script = "fields => fields.map(field => field.label).filter(Boolean)"
        return set(await self._box.locator("ha-form ha-selector").evaluate_all(script))

    def expected_labels(self) -> set[str]:
        """Return the names of the fields that the form should show."""
        pattern = re.compile(
            rf"component\.{DOMAIN}\.{re.escape(self._step)}\.(sections\.\w+\.)?data\.\w+"
        )
        return {text for key, text in self._texts.resources.items() if pattern.fullmatch(key)}

    def _field(self, key: str, role: str) -> Locator:
        """Find a field by the label that a person reads."""
        label = self._label(key)
        # A required field has a star, a list its choice in its name.
        ending = r"\s*\*?" + ("( .*)?" if role == "button" else "") + "$"
        name = re.compile("^" + re.escape(label) + ending)
        return self._box.get_by_role(role, name=name)  # type: ignore[arg-type]

    def _label(self, key: str) -> str:
        """Return the label of a field."""
        return next(
            text
            for name, text in self._texts.resources.items()
            if name.startswith(f"component.{DOMAIN}.{self._step}.")
            and name.endswith(f".data.{key}")
        )

    def _options(self, key: str) -> dict[str, str]:
        """Return the choices of a list by their values."""
        prefix = f"component.{DOMAIN}.selector.{key}.options."
        resources = self._texts.resources.items()
        return {
            name.removeprefix(prefix): text for name, text in resources if name.startswith(prefix)
        }


async def add(
    screen: Screen,
    report: Report,
    texts: Texts,
    settings: Json,
    *,
    wrong: str | None,
    picture: Path | None,
) -> None:
    """Add a service, at first with a wrong key if there is one, and decline the assistant."""
    await screen.open(DASHBOARD)
    await screen.press("Add integration")
    brands = screen.page.locator("dialog-add-integration")
    await brands.locator("ha-input-search input").fill(NAME)
    await brands.get_by_text(NAME, exact=True).click()
    dialog = Dialog(screen, texts, "config.step.user")
    await dialog.wait()
    report.expect(await dialog.labels() == dialog.expected_labels(), "every field has its label")
    await screen.picture("add", picture)
    await dialog.fill(settings)
    if wrong:
        await dialog.fill({"api_key": wrong})
        await dialog.submit()
        said = await dialog.error()
        report.show("a wrong key", said)
        report.expect(
            said == texts["config.error.invalid_auth"].replace("{reason} ", ""),
            "the wrong key is refused",
        )
        await screen.picture("wrong-key")
        await dialog.fill({"api_key": settings["api_key"]})
    await dialog.submit()
    offer = Dialog(screen, texts, "config_subentries.voice_assistant.step.user")
    title = texts["config_subentries.voice_assistant.step.user.title"]
    await screen.page.get_by_text(title, exact=True).first.wait_for()
    await offer.wait()
    report.expect(await offer.labels() == offer.expected_labels(), "the offer has its labels")
    await offer.close()


async def mistype(screen: Screen, report: Report, texts: Texts, url: str, key: str) -> None:
    """Enter a URL without its scheme and version on a phone, and take the one that is proposed."""
    page = screen.page
    await page.set_viewport_size(PHONE)
    await screen.open(DASHBOARD)
    await screen.press("Add integration")
    brands = page.locator("dialog-add-integration")
    await brands.locator("ha-input-search input").fill(NAME)
    await brands.get_by_text(NAME, exact=True).click()
    dialog = Dialog(screen, texts, "config.step.user")
    await dialog.wait(unfold=False)
    await screen.picture("phone")
    typed = url.removeprefix("http://").removesuffix("/v1")
    await dialog.fill({"base_url": typed, "api_key": key})
    await dialog.submit()
    said = await dialog.error()
    report.show("a URL without scheme and version", said)
    report.expect(typed in said and url in said, "the likely URL is proposed in words")
    report.expect(await dialog.sees_error(), "the error is in sight on a phone")
    report.expect(await dialog.value("base_url") == url, "the likely URL is filled in")
    await screen.picture("phone-proposal")
    await dialog.unfold()
    await dialog.leave("extra_headers")
    report.expect(await dialog.has_left("extra_headers"), "the Tab key leaves the extra headers")
    await dialog.close()
    await page.set_viewport_size(SIZE)


async def options(screen: Screen, report: Report, texts: Texts) -> None:
    """Open the options and save them."""
    await screen.open(INTEGRATION)
    await screen.press("Configure")
    dialog = Dialog(screen, texts, "options.step.init")
    await dialog.wait()
    labels = await dialog.labels()
    report.show("fields", ", ".join(sorted(labels)))
    # There is none to remove yet.
    removal = {texts["options.step.init.sections.webhooks.data.remove_webhook"]}
    report.expect(labels == dialog.expected_labels() - removal, "every option has its label")
    await screen.picture("options")
    await dialog.submit()
    report.show("then", await dialog.finish())


async def reconfigure(screen: Screen, report: Report, texts: Texts, url: str) -> None:
    """Open the connection of the first entry and save it as it is."""
    await screen.open(INTEGRATION)
    await screen.press("Menu", screen.page.locator("ha-config-entry-row").first)
    await screen.page.get_by_role("menuitem", name="Reconfigure").click()
    dialog = Dialog(screen, texts, "config.step.reconfigure")
    await dialog.wait()
    report.expect(await dialog.labels() == dialog.expected_labels(), "every field has its label")
    report.expect(await dialog.value("base_url") == url, "the address is filled in")
    report.expect(await dialog.value("api_key") == "", "the key is not shown")
    await screen.picture("reconfigure")
    await dialog.submit()
    report.show("then", await dialog.finish())
