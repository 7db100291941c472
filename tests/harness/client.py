"""Home Assistant's REST and WebSocket API, as a person or an app uses it."""

import asyncio
from time import monotonic
from typing import Any

from aiohttp import ClientSession, ClientTimeout

from .config_dir import DOMAIN
from .websocket import Events, Socket

USER = "developer"
PASSWORD = "developer"

FLOW = "/api/config/config_entries/flow"
OPTIONS_FLOW = "/api/config/config_entries/options/flow"
SUBENTRY_FLOW = "/api/config/config_entries/subentries/flow"
ENTRY = "/api/config/config_entries/entry"

type Json = dict[str, Any]


class RestError(Exception):
    """Home Assistant answered with an error status."""

    def __init__(self, status: int, body: Any) -> None:
        """Keep the answer."""
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class Client:
    """The API of a running Home Assistant."""

    def __init__(self, url: str) -> None:
        """Remember the address; nothing is sent yet."""
        self.url = url
        self._http = ClientSession(url, timeout=ClientTimeout(total=120))
        self._socket: Socket | None = None

    @property
    def socket(self) -> Socket:
        """The WebSocket connection."""
        if self._socket is None:
            raise RuntimeError("Sign in first")
        return self._socket

    async def close(self) -> None:
        """Close every connection."""
        if self._socket:
            await self._socket.close()
            self._socket = None
        await self._http.close()

    async def rest(self, method: str, path: str, json: Any = None) -> Any:
        """Send a request; the answer is parsed JSON, or text."""
        async with self._http.request(method, path, json=json) as response:
            is_json = response.content_type == "application/json"
            body = await (response.json() if is_json else response.text())
            if response.status >= 400:
                raise RestError(response.status, body)
            return body

    async def download(self, path: str) -> tuple[str, bytes]:
        """Return the content type and the bytes of a file."""
        async with self._http.get(path) as response:
            response.raise_for_status()
            return response.content_type, await response.read()

    async def command(self, type_: str, /, **fields: Any) -> Any:
        """Send a WebSocket command and return its result."""
        return await self.socket.command(type_, **fields)

    async def subscribe_events(self, event_type: str) -> Events:
        """Collect the events of a type from now on."""
        return await self.socket.subscribe("subscribe_events", event_type=event_type)

    async def call(
        self, action: str, data: Json | None = None, *, return_response: bool = True
    ) -> Json:
        """Call an action, of the integration unless it names another domain."""
        domain, _, service = action.rpartition(".")
        result = await self.command(
            "call_service",
            domain=domain or DOMAIN,
            service=service,
            service_data=data or {},
            return_response=return_response,
        )
        response: Json | None = result.get("response")
        return response or {}

    async def states(self) -> dict[str, Json]:
        """Return every state by its entity id."""
        return {state["entity_id"]: state for state in await self.rest("GET", "/api/states")}

    async def render(self, template: str) -> str:
        """Render a template."""
        return str(await self.rest("POST", "/api/template", {"template": template}))

    # Signing in

    async def onboard(self) -> bool:
        """Do what is left of the onboarding; tell whether there was anything to do."""
        done = await self._onboarding()
        if "user" in done:
            await self._sign_in()
        else:
            await self.rest(
                "POST",
                "/api/onboarding/users",
                {
                    "client_id": self._client_id,
                    "name": USER.title(),
                    "username": USER,
                    "password": PASSWORD,
                    "language": "en",
                },
            )
            await self._sign_in()
            await self.command(
                "config/core/update",
                location_name="OpenAI API",
                time_zone="UTC",
                unit_system="metric",
                currency="EUR",
                country="NL",
                language="en",
            )
        for step, body in (
            ("core_config", {}),
            ("analytics", {}),
            ("integration", {"client_id": self._client_id, "redirect_uri": self._client_id}),
        ):
            if step not in done:
                await self.rest("POST", f"/api/onboarding/{step}", body)
        return "user" not in done

    async def is_running(self) -> bool:
        """Tell whether everything is set up."""
        return bool((await self.rest("GET", "/api/config"))["state"] == "RUNNING")

    @property
    def _client_id(self) -> str:
        """How an app of this address names itself."""
        return f"{self.url}/"

    async def _onboarding(self) -> set[str]:
        """Return the steps that are done."""
        try:
            steps = await self.rest("GET", "/api/onboarding")
        except RestError as err:
            # The address is gone once the last step is done.
            if err.status != 404:
                raise
            return {"user", "core_config", "analytics", "integration"}
        return {step["step"] for step in steps if step["done"]}

    async def _sign_in(self) -> None:
        """Sign in with name and password and open the WebSocket connection."""
        flow = await self.rest(
            "POST",
            "/auth/login_flow",
            {
                "client_id": self._client_id,
                "handler": ["homeassistant", None],
                "redirect_uri": self._client_id,
            },
        )
        answer = await self.rest(
            "POST",
            f"/auth/login_flow/{flow['flow_id']}",
            {"client_id": self._client_id, "username": USER, "password": PASSWORD},
        )
        form = {
            "grant_type": "authorization_code",
            "code": answer["result"],
            "client_id": self._client_id,
        }
        async with self._http.post("/auth/token", data=form) as response:
            response.raise_for_status()
            token = (await response.json())["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        url = self.url.replace("http", "ws", 1) + "/api/websocket"
        self._socket = await Socket.connect(self._http, url, token)

    # Config entries

    async def entries(self) -> list[Json]:
        """Return the integration's entries."""
        entries: list[Json] = await self.rest("GET", f"{ENTRY}?domain={DOMAIN}")
        return entries

    async def entry(self, entry_id: str) -> Json:
        """Return one entry."""
        result = await self.command("config_entries/get_single", entry_id=entry_id)
        entry: Json = result["config_entry"]
        return entry

    async def entry_until(self, entry_id: str, state: str, *, within: float = 10) -> Json:
        """Return an entry once it is in a state; a changed one is reloaded in its own time."""
        deadline = monotonic() + within
        while True:
            entry = await self.entry(entry_id)
            if entry["state"] == state:
                return entry
            if monotonic() > deadline:
                raise TimeoutError(f"The entry is {entry['state']} instead of {state}")
            await asyncio.sleep(0.05)

    async def begin_entry(self) -> Json:
        """Begin the flow that adds an entry."""
        flow: Json = await self.rest("POST", FLOW, {"handler": DOMAIN})
        return flow

    async def submit(self, flow: Json, user_input: Json, *, path: str = FLOW) -> Json:
        """Fill in the form that a flow shows and return what comes next."""
        data = _arrange(flow["data_schema"], user_input)
        result: Json = await self.rest("POST", f"{path}/{flow['flow_id']}", data)
        return result

    async def abandon(self, flow: Json, *, path: str = FLOW) -> None:
        """Leave a flow."""
        await self.rest("DELETE", f"{path}/{flow['flow_id']}")

    async def add_entry(self, user_input: Json) -> Json:
        """Add an entry; the result is an entry, an abort, or a form with its errors."""
        return await self._once(await self.begin_entry(), user_input)

    async def reconfigure(self, entry_id: str, user_input: Json) -> Json:
        """Change the connection of an entry."""
        flow = await self.rest("POST", FLOW, {"handler": DOMAIN, "entry_id": entry_id})
        return await self._once(flow, user_input)

    async def set_options(self, entry_id: str, user_input: Json) -> Json:
        """Change the options of an entry."""
        flow = await self.rest("POST", OPTIONS_FLOW, {"handler": entry_id})
        return await self._once(flow, user_input, path=OPTIONS_FLOW)

    async def add_subentry(self, entry_id: str, kind: str, user_input: Json) -> Json:
        """Add a subentry of a type; the result is a new subentry, an abort, or a form's errors."""
        flow = await self.rest("POST", SUBENTRY_FLOW, {"handler": [entry_id, kind]})
        return await self._once(flow, user_input, path=SUBENTRY_FLOW)

    async def reauthentications(self) -> list[Json]:
        """Return the flows that ask for a new key."""
        flows = await self.command("config_entries/flow/progress")
        return [
            flow
            for flow in flows
            if flow["handler"] == DOMAIN and flow["context"]["source"] == "reauth"
        ]

    async def reauthenticate(self, entry_id: str, user_input: Json) -> Json:
        """Answer the flow that asks for an entry's new key."""
        for waiting in await self.reauthentications():
            if waiting["context"]["entry_id"] == entry_id:
                flow = await self.rest("GET", f"{FLOW}/{waiting['flow_id']}")
                return await self.submit(flow, user_input)
        raise LookupError("Nothing asks for a new key")

    async def reload_entry(self, entry_id: str) -> None:
        """Reload an entry."""
        await self.rest("POST", f"{ENTRY}/{entry_id}/reload")

    async def remove_entry(self, entry_id: str) -> None:
        """Remove an entry."""
        await self.rest("DELETE", f"{ENTRY}/{entry_id}")

    async def diagnostics(self, entry_id: str) -> Json:
        """Download an entry's diagnostics."""
        found: Json = await self.rest("GET", f"/api/diagnostics/config_entry/{entry_id}")
        return found

    async def _once(self, flow: Json, user_input: Json, *, path: str = FLOW) -> Json:
        """Fill in a form once and leave the flow if it shows another one."""
        if flow["type"] != "form":
            return flow
        result = await self.submit(flow, user_input, path=path)
        if result["type"] == "form":
            await self.abandon(result, path=path)
        return result


def _arrange(schema: list[Json], user_input: Json) -> Json:
    """Put the fields into the sections of the form where they belong."""
    sections = {
        field["name"]: {inner["name"] for inner in field["schema"]}
        for field in schema
        if field.get("type") == "expandable"
    }
    inner = set().union(*sections.values())
    return {
        **{key: value for key, value in user_input.items() if key not in inner},
        **{
            section: {key: user_input[key] for key in names if key in user_input}
            for section, names in sections.items()
        },
    }
