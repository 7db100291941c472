"""From a fresh Home Assistant to a spoken answer, on a phone."""

import asyncio
from pathlib import Path
import re

from playwright.async_api import Locator, Response, expect

from tests.harness import HomeAssistantProcess, Service
from tests.harness.check import Report
from tests.harness.config_dir import DOMAIN

from .browser import PHONE, SIZE, Screen, read
from .forms import Dialog
from .texts import Texts

LINK = f"/_my_redirect/config_flow_start?domain={DOMAIN}"
"""Where the button of the README leads."""
ASSIST = "/home/overview?conversation=1"
"""Where the shortcut to Assist on a phone's home screen leads."""
MODELS = ("llama3.2:3b", "kokoro", "whisper")
QUESTION = "What is a good name for a cat?"
ABSENT = {"status": 404, "body": "404 page not found", "content_type": "text/plain", "count": None}
ALLOWED = 6


class Taps:
    """Counts what a finger presses."""

    def __init__(self, report: Report) -> None:
        """Start at none."""
        self._report = report
        self.count = 0

    async def press(self, what: str, button: Locator) -> None:
        """Press a button."""
        await button.click()
        self.note(what)

    def note(self, what: str) -> None:
        """Count a press."""
        self.count += 1
        self._report.show(f"press {self.count}", what)


async def become_ollama(service: Service) -> None:
    """Have the stand-in look and answer as an Ollama with two models for speech."""
    models = [{"id": name, "object": "model", "owned_by": "library"} for name in MODELS]
    listed = {"object": "list", "data": models}
    await service.fail(path="/models", method="GET", body=listed, count=None)
    # What comes out of the microphone has no words.
    heard = {"text": QUESTION}
    await service.fail(path="/audio/transcriptions", body=heard, count=None)
    for path in ("/responses", "/realtime", "/audio/voices"):
        await service.fail(path=path, **ABSENT)


async def set_up_assistant(
    screen: Screen,
    report: Report,
    texts: Texts,
    home: HomeAssistantProcess,
    service: Service,
    picture: Path | None,
) -> None:
    """Add an Ollama-like service, take the voice assistant that is offered, and talk to it.

    What is counted is every press in Home Assistant, from the page to which the README's button
    leads; a URL is typed. The shortcut to Assist on the phone's home screen is a press, too.
    """
    page, taps = screen.page, Taps(report)
    await become_ollama(service)
    sounds: list[Response] = []
    page.on("response", lambda found: "/api/tts_proxy/" in found.url and sounds.append(found))
    await page.set_viewport_size(PHONE)
    await screen.open(LINK)
    confirmation = page.locator("dialog-box, ha-dialog").last
    await taps.press("OK", confirmation.get_by_role("button", name="OK").first)

    dialog = Dialog(screen, texts, "config.step.user")
    await dialog.wait(unfold=False)
    await dialog.fill({"base_url": service.url("none")})
    await screen.picture("assistant-service")
    await taps.press("Submit", dialog.button("Submit"))

    offer = Dialog(screen, texts, "config_subentries.voice_assistant.step.user")
    title = texts["config_subentries.voice_assistant.step.user.title"]
    await page.get_by_text(title, exact=True).first.wait_for()
    await offer.wait()
    report.expect(await offer.labels() == offer.expected_labels(), "the offer has its labels")
    await screen.picture("assistant", picture)
    await taps.press("Submit", offer.button("Submit"))
    said = await offer.ending()
    report.show("then", said)
    await screen.picture("assistant-done")
    await taps.press("Close", offer.button(re.compile("^(Finish|Close)$")))

    # A dialog that closes goes back in the browser's history, which would break off what follows.
    await screen.picture("assistant-closed")
    await screen.open(ASSIST)
    taps.note("Assist")
    chat = page.locator("ha-voice-command-dialog")
    microphone = chat.get_by_role("button", name="Start listening").last
    await taps.press("the microphone", microphone)
    question, answer = chat.locator(".message.user").last, chat.locator(".message.hass").last
    await expect(question).to_have_text(re.compile(r"\w{3}"))
    await expect(chat.locator(".message.hass")).to_have_count(2)
    await expect(answer).to_have_text(re.compile(r"\w{3}"))
    words = await read(answer)
    report.expect(await read(question) == QUESTION, "what was heard is shown")
    report.show("answer", words)
    async with asyncio.timeout(40):
        while not sounds:
            await asyncio.sleep(0.1)
        await sounds[0].finished()
    body = await sounds[0].body()
    report.show("sound", f"{sounds[0].headers.get('content-type')}, {len(body)} bytes")
    await screen.picture("assistant-answer", picture)
    asked = await service.requests()
    paths = [request["path"] for request in asked]
    report.expect("/chat/completions" in paths, "the service has answered the question")
    report.expect("/audio/transcriptions" in paths, "the service has heard it")
    spoken = [request for request in asked if request["path"] == "/audio/speech"]
    report.expect(spoken and spoken[0]["body"]["voice"] == "alloy", "the service has spoken")
    report.expect(sounds[0].ok and len(body) > 1000, "the answer's sound is fetched")
    report.expect(taps.count <= ALLOWED, f"no more than {ALLOWED} presses ({taps.count})")
    entry = (await home.entries())[0]
    report.expect(entry["title"] == "Ollama", "the service is recognized")
    await page.set_viewport_size(SIZE)
    await service.reset()
