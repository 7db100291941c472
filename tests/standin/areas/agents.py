"""Agents, the vaults whose credentials they use, and the environments they work in."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from tests.standin.routing import Call, Route, check, need, one_of, resource_routes
from tests.standin.state import Collection, Kind
from tests.standin.wire import Json, invalid, new_id, now

from .files import FILES

AGENTS = Kind(name="agent", deleted="agent.deleted")
ENVIRONMENTS = Kind(name="environment")
ENVIRONMENT_FILES = Kind(name="environment file")
TEMPLATES = Kind(name="environment template", deleted="agent.environment.template.deleted")
VAULTS = Kind(name="vault", deleted="vault.deleted")
CREDENTIALS = Kind(name="credential", deleted="vault.credential.deleted")
TIERS = ("auto", "default", "flex", "priority", "fast")
DEFAULTS: Json = {
    "name": None,
    "instructions": None,
    "metadata": {},
    "multi_agent": {"enabled": False},
    "reasoning": {"effort": "medium"},
    "service_tier": "auto",
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tools": [],
}
TEMPLATE: Json = {
    "name": None,
    "capability_directories": [],
    "desktop": None,
    "files": [],
    "network": {"access": "disabled", "allowed_domains": []},
    "packages": {"npm": [], "python": [], "system": []},
    "plugins": [],
    "skills": [],
}
TEMPLATE_ID = "/agents/environments/templates/{environment_template_id}"
VAULT_ID = "/vaults/{vault_id}"


def settings_of(body: Json, known: Json) -> Json:
    """Return the settings that a body names; null puts one back to its default."""
    check(body, "name", str)
    check(body, "instructions", str)
    check(body, "metadata", dict)
    check(body, "tools", list)
    if tier := check(body, "service_tier", str):
        one_of("service_tier", tier, TIERS)
    return {key: known[key] if body[key] is None else body[key] for key in known if key in body}


async def create(call: Call) -> Json:
    """Keep an agent."""
    return call.collection(AGENTS).add(
        {
            "id": new_id("agent_"),
            "object": "agent",
            "created_at": now(),
            "updated_at": now(),
            "model": need(call.json, "model", str),
            **DEFAULTS,
            **settings_of(call.json, DEFAULTS),
        }
    )


async def update(call: Call) -> Json:
    """Change an agent."""
    model = check(call.json, "model", str)
    changes = {**settings_of(call.json, DEFAULTS), **({"model": model} if model else {})}
    return call.collection(AGENTS).update(call.ids["agent_id"], {**changes, "updated_at": now()})


def new_environment(call: Call, wanted: Json) -> Json:
    """Provide the environment of a session."""
    kind = one_of(
        "environment.type",
        need(wanted, "type", str),
        ("none", "openai_hosted", "self_hosted"),
    )
    if kind == "none":
        return {"type": kind}
    if template := wanted.get("environment_template_id"):
        call.collection(TEMPLATES).get(template)
    environment = call.collection(ENVIRONMENTS).add(
        {
            "id": new_id("env_"),
            "object": "agent.environment",
            "type": kind,
            "status": "connected",
            "files": [],
            "plugins": [],
            "skills": [],
        }
    )
    return {"type": kind, "id": environment["id"]}


def _files(call: Call) -> Collection:
    """Return the files of the environment in the path."""
    environment = call.collection(ENVIRONMENTS).get(call.ids["environment_id"])
    return call.collection(ENVIRONMENT_FILES, environment["id"])


async def add_file(call: Call) -> Json:
    """Copy a file into an environment."""
    files, path = _files(call), need(call.json, "path", str)
    if not path.startswith("/workspace/"):
        raise invalid("The path must be below /workspace.", "path")
    if one_of("type", need(call.json, "type", str), ("file_id", "inline")) == "inline":
        try:
            size = len(base64.b64decode(need(call.json, "data", str), validate=True))
        except binascii.Error:
            raise invalid("The data is not base64.", "data") from None
    else:
        size = call.collection(FILES).get(need(call.json, "file_id", str))["bytes"]
    file = {
        "object": "agent.environment.file",
        "environment_id": call.ids["environment_id"],
        "path": path,
        "size_bytes": size,
    }
    files.add({"id": path, **file})
    return file


async def list_files(call: Call) -> Json:
    """List the files of an environment; this list is paged by a token, and knows no ids."""
    folder = call.request.param("path") or "/"
    found: list[Any] = sorted(
        (file for file in _files(call) if file["path"].startswith(folder)),
        key=lambda file: str(file["path"]),
        reverse=call.request.param("order") != "asc",
    )
    start = int(call.request.param("page") or 0)
    end = start + int(call.request.param("limit") or 20)
    data = [{key: file[key] for key in file if key != "id"} for file in found[start:end]]
    more = len(found) > end
    return {"object": "list", "data": data, "has_more": more, "next": str(end) if more else None}


async def create_template(call: Call) -> Json:
    """Keep a template, without what is confidential."""
    return call.collection(TEMPLATES).add(
        {
            "id": new_id("envtmpl_"),
            "object": "agent.environment.template",
            "created_at": now(),
            "updated_at": now(),
            **TEMPLATE,
            **settings_of(call.json, TEMPLATE),
        }
    )


async def update_template(call: Call) -> Json:
    """Change a template."""
    changes = {**settings_of(call.json, TEMPLATE), "updated_at": now()}
    return call.collection(TEMPLATES).update(call.ids["environment_template_id"], changes)


async def create_vault(call: Call) -> Json:
    """Keep a vault; a credential is in it from the beginning, for nobody here can add one."""
    vault = call.collection(VAULTS).add(
        {
            "id": new_id("vault_"),
            "object": "vault",
            "created_at": now(),
            "metadata": check(call.json, "metadata", dict) or {},
            "name": check(call.json, "name", str),
            "status": "active",
        }
    )
    call.collection(CREDENTIALS, vault["id"]).add(
        {
            "id": new_id("cred_"),
            "object": "vault.credential",
            "created_at": now(),
            "updated_at": now(),
            "vault_id": vault["id"],
            "name": "Calendar",
            "auth": {"type": "static_bearer", "mcp_server_url": "https://example.com/mcp"},
            "metadata": {},
            "status": "active",
        }
    )
    return vault


def _wanted(call: Call) -> set[str]:
    """Return the statuses that a list is to hold."""
    return {value for key, value in call.request.query if key in ("status", "status[]")}


async def list_vaults(call: Call) -> Json:
    """List the vaults, those with a status if asked."""
    wanted = _wanted(call)
    return call.collection(VAULTS).page(
        call.request, lambda vault: not wanted or vault["status"] in wanted
    )


async def list_credentials(call: Call) -> Json:
    """List what is in a vault."""
    vault, wanted = call.collection(VAULTS).get(call.ids["vault_id"]), _wanted(call)
    return call.collection(CREDENTIALS, vault["id"]).page(
        call.request, lambda credential: not wanted or credential["status"] in wanted
    )


ROUTES = (
    Route("POST", "/agents/environments/templates", create_template),
    *resource_routes(TEMPLATES, TEMPLATE_ID, "list", "retrieve", "delete"),
    Route("POST", TEMPLATE_ID, update_template),
    *resource_routes(ENVIRONMENTS, "/agents/environments/{environment_id}", "retrieve"),
    Route("GET", "/agents/environments/{environment_id}/files", list_files),
    Route("POST", "/agents/environments/{environment_id}/files", add_file),
    Route("POST", "/agents", create),
    *resource_routes(AGENTS, "/agents/{agent_id}", "list", "retrieve", "delete"),
    Route("POST", "/agents/{agent_id}", update),
    Route("POST", "/vaults", create_vault),
    Route("GET", "/vaults", list_vaults),
    *resource_routes(VAULTS, VAULT_ID, "retrieve", "delete"),
    Route("GET", f"{VAULT_ID}/credentials", list_credentials),
    *resource_routes(
        CREDENTIALS, f"{VAULT_ID}/credentials/{{credential_id}}", "retrieve", "delete"
    ),
)
