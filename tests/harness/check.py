"""The main job from end to end, with a report of what was seen."""

from collections.abc import Awaitable, Callable
from functools import partial
import json
import re
from typing import Any

from .client import RestError
from .home_assistant import HomeAssistantProcess
from .service import Service
from .websocket import CommandError

QUESTION = "In one sentence, why is the sky blue?"
CONNECTION = "check"
MASKED = {"value", "authorization", "api-key", "key"}


class Report:
    """Prints what was seen and remembers what was missing."""

    def __init__(self) -> None:
        """Start without a complaint."""
        self.missing: list[str] = []

    def title(self, text: str) -> None:
        """Begin a section."""
        print(f"\n\033[1m{text}\033[0m")

    def show(self, label: str, value: Any) -> None:
        """Print a value without its secrets."""
        text = value if isinstance(value, str) else json.dumps(masked(value), ensure_ascii=False)
        print(f"  {label}: {text if len(text) <= 300 else text[:300] + '…'}")

    def expect(self, present: object, what: str) -> None:
        """Complain if something is missing."""
        print(f"  {'ok     ' if present else 'MISSING'} {what}")
        if not present:
            self.missing.append(what)


def masked(value: Any) -> Any:
    """Return a value with its secrets masked."""
    if isinstance(value, dict):
        return {
            key: "***" if key.lower() in MASKED and isinstance(inner, str) else masked(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return value


async def check(home: HomeAssistantProcess, service: Service | None, *, model: str) -> bool:
    """Try the main job and tell whether nothing was missing."""
    report = Report()
    steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("Config entry", partial(_entry, home, report)),
        ("create_model_response (REST)", partial(_response, home, report, model)),
        ("create_model_response with stream", partial(_stream, home, report, model)),
        ("create_realtime_client_secret", partial(_client_secret, home, report)),
        ("manage_model_response_websocket", partial(_websocket, home, report, model)),
        ("The demonstration dashboard", partial(_dashboard, home, report)),
        ("Log", partial(_log, home, report)),
    ]
    if service:
        steps.append(("On the wire, as the stand-in saw it", partial(_wire, service, report)))
    for title, step in steps:
        report.title(title)
        try:
            await step()
        except (CommandError, RestError, TimeoutError, LookupError) as err:
            report.expect(False, f"{title}: {type(err).__name__} {err}")
    report.title("Result")
    print(f"  missing: {'; '.join(report.missing)}" if report.missing else "  nothing is missing")
    return not report.missing


async def _entry(home: HomeAssistantProcess, report: Report) -> None:
    """Look at the config entry and the registered actions."""
    entry = (await home.entries())[0]
    services = await home.command("get_services")
    report.show("entry", {key: entry[key] for key in ("title", "state", "supports_options")})
    report.show("actions", str(len(services.get("openai_api", {}))))
    report.expect(entry["state"] == "loaded", "the entry is loaded")


async def _response(home: HomeAssistantProcess, report: Report, model: str) -> None:
    """Ask a question over REST."""
    answer = await home.rest(
        "POST",
        "/api/services/openai_api/create_model_response?return_response",
        {"model": model, "input": QUESTION},
    )
    response = answer["service_response"]
    report.show("response", response)
    report.show("answer", response.get("output_text", ""))
    report.expect(response.get("output_text"), "an answer in output_text")
    report.expect(response.get("usage", {}).get("total_tokens"), "the tokens used")


async def _stream(home: HomeAssistantProcess, report: Report, model: str) -> None:
    """Ask a question and follow the answer on the bus."""
    events = await home.subscribe_events("openai_api_stream_event")
    response = await home.call(
        "create_model_response", {"model": model, "input": QUESTION, "stream": True}
    )
    await events.wait(_of_type("response.completed"))
    stream = [
        event["data"] for event in events if event["data"]["stream_id"] == response["stream_id"]
    ]
    types = [data["event_type"] for data in stream]
    deltas = (
        data["event"]["delta"]
        for data in stream
        if data["event_type"] == "response.output_text.delta"
    )
    report.show("events", f"{len(types)}: {', '.join(dict.fromkeys(types))}")
    report.show("response", response)
    report.expect(types[:1] == ["response.created"], "response.created comes first")
    report.expect("".join(deltas) == response["output_text"], "the deltas make up the answer")
    report.expect(
        [data["sequence"] for data in stream] == list(range(len(stream))),
        "the events are numbered without a gap",
    )


async def _client_secret(home: HomeAssistantProcess, report: Report) -> None:
    """Mint a client secret."""
    secret = await home.call(
        "create_realtime_client_secret",
        {"session": {"type": "realtime", "model": "gpt-realtime"}},
    )
    report.show("response", secret)
    report.expect(str(secret.get("value", "")).startswith("ek_"), "a secret, not shown")
    report.expect(secret.get("expires_at"), "when it expires")
    report.expect(secret.get("session", {}).get("type") == "realtime", "what it is for")


async def _websocket(home: HomeAssistantProcess, report: Report, model: str) -> None:
    """Converse over a Responses WebSocket."""
    states = await home.subscribe_events("openai_api_connection_event")
    events = await home.subscribe_events("openai_api_server_event")
    message = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": QUESTION}],
    }

    async def manage(action: str, **fields: Any) -> None:
        """Call the action and show its answer."""
        data = {"action": action, "connection_id": CONNECTION, **fields}
        report.show(action, await home.call("manage_model_response_websocket", data))

    await manage("connect")
    await states.wait(_in_state("connected"))
    await manage("send", event={"type": "response.create", "model": model, "input": [message]})
    done = await events.wait(_of_type("response.completed"), within=60)
    await manage("close")
    await states.wait(_in_state("disconnected"))
    types = [event["data"]["event_type"] for event in events]
    seen = [event["data"]["state"] for event in states]
    report.show("states", ", ".join(seen))
    report.show("events", f"{len(types)}: {', '.join(dict.fromkeys(types))}")
    report.expect(types[:1] == ["response.created"], "response.created comes first")
    report.expect(done["event"]["response"]["output"], "an answer in response.completed")
    report.expect(seen[-1:] == ["disconnected"], "the connection is closed")


async def _dashboard(home: HomeAssistantProcess, report: Report) -> None:
    """Press the buttons of the demonstration dashboard."""
    changes = await home.subscribe_events("state_changed")

    async def press(button: str, sensor: str, matches: Callable[[Any], object]) -> None:
        """Press a button and wait for what it does to a sensor."""

        def is_it(data: Any) -> bool:
            """Tell whether a state change is the awaited one."""
            state = data["new_state"]
            return data["entity_id"] == f"sensor.openai_demo_{sensor}" and bool(
                state and matches(state)
            )

        await home.call(
            "input_button.press",
            {"entity_id": f"input_button.openai_demo_{button}"},
            return_response=False,
        )
        state = (await changes.wait(is_it, within=60))["new_state"]
        plain = {"icon", "friendly_name", "device_class", "latest"}
        shown = {key: value for key, value in state["attributes"].items() if key not in plain}
        report.show(button, {"state": state["state"], **shown})

    await press("ask", "answer", lambda state: state["attributes"].get("text"))
    await press("connect", "connection", lambda state: state["state"] == "connected")
    await press("send", "events", lambda state: state["attributes"].get("text"))
    await press("close", "connection", lambda state: state["state"] == "disconnected")
    await press("mint", "client_secret", lambda state: state["attributes"].get("session_type"))
    states = json.dumps(await home.states())
    report.expect("ek_" not in states, "no secret in a state")


async def _wire(service: Service, report: Report) -> None:
    """Show what the stand-in saw."""
    for request in await service.requests():
        names = {name.lower() for name, _ in request["headers"]}
        kind = "WebSocket " if request["upgrade"] else ""
        key = "with" if "authorization" in names else "without"
        report.show(f"{kind}{request['method']} {request['path']}", f"{key} a bearer key")
    for session in await service.sockets():
        frames = [frame.get("type") for frame in session["received"]]
        report.show(
            f"socket {session['path']}",
            f"received {frames}, sent {len(session['sent'])}, closed with {session['close_code']}",
        )
    paths = {(request["method"], request["path"]) for request in await service.requests()}
    for method, path in (("POST", "/responses"), ("POST", "/realtime/client_secrets")):
        report.expect((method, path) in paths, f"{method} {path}")
    report.expect(
        all(session["close_code"] == 1000 for session in await service.sockets()),
        "every WebSocket was closed properly",
    )


async def _log(home: HomeAssistantProcess, report: Report) -> None:
    """Look for complaints in Home Assistant's log."""
    complaints = [
        line
        for line in dict.fromkeys(home.logs().splitlines())
        if re.search(r" (ERROR|CRITICAL) .*openai_api|blocking call .*openai_api", line)
    ]
    for line in complaints:
        report.show("line", line)
    report.expect(not complaints, "no complaint of or about the integration")


def _of_type(event_type: str) -> Callable[[Any], bool]:
    """Match an API event."""
    return lambda data: data["event_type"] == event_type


def _in_state(state: str) -> Callable[[Any], bool]:
    """Match a connection event."""
    return lambda data: data["state"] == state
