"""Helps somebody through what is shown under repairs, and looks whether it is really over."""

from collections.abc import Mapping
from typing import Any, Final, override

from homeassistant.components.repairs import (
    ConfirmRepairFlow,
    FlowType,
    RepairsFlow,
    RepairsFlowResult,
)
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntryState,
    SubentryFlowContext,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import issue_registry as ir
import voluptuous as vol

from . import issues
from .api.host import ServiceHost
from .api.response import parse_body
from .const import DOMAIN
from .data import OpenAIConfigEntry
from .exceptions import QuotaExceeded
from .media.storage import check_writable, media_directory

_TIMEOUT = 30.0
# The least that can be asked of a model.
_MINIMAL_REQUESTS: Final[Mapping[str, dict[str, Any]]] = {
    "chat.completions.create": {
        "messages": [{"role": "user", "content": "Hi"}],
        "max_completion_tokens": 16,
    },
    "embeddings.create": {"input": "Hi"},
    "responses.create": {"input": "Hi", "max_output_tokens": 16, "store": False},
}


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow for an issue."""
    if issue_id.startswith(issues.QUOTA_USED_UP):
        return QuotaRepairFlow()
    if issue_id.startswith(issues.HOST_MOVED):
        return HostMovedRepairFlow()
    if issue_id.startswith(issues.MODEL_GONE):
        return ModelFlow()
    return FolderRepairFlow() if issue_id == issues.FOLDER_NOT_WRITABLE else ConfirmRepairFlow()


class RetryRepairFlow(RepairsFlow):
    """A flow of one step, which is done when what it tries works."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Say what to do, and try whether it was done."""
        issue = ir.async_get(self.hass).async_get_issue(self.handler, self.issue_id)
        placeholders = dict((issue.translation_placeholders if issue else None) or {})
        errors = {}
        if user_input is not None:
            try:
                return await self.async_retry()
            except AbortFlow:
                raise
            except HomeAssistantError as err:
                errors["base"] = self.error_key(err)
                placeholders["message"] = str(err)
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema({}),
            description_placeholders=placeholders,
            errors=errors,
        )

    async def async_retry(self) -> RepairsFlowResult:
        """Try it, and end the flow; raises a translated error if it does not work yet."""
        raise NotImplementedError

    def error_key(self, err: HomeAssistantError) -> str:
        """Return the key of the text for an error."""
        return "still_fails"

    @property
    def entry(self) -> OpenAIConfigEntry:
        """The entry whose issue it is; ends the flow if that is gone or not loaded."""
        entry_id = str((self.data or {}).get("entry_id"))
        if (entry := self.hass.config_entries.async_get_entry(entry_id)) is None:
            raise AbortFlow("not_loaded")
        return entry


class QuotaRepairFlow(RetryRepairFlow):
    """Asks the host again after its account was topped up."""

    @override
    async def async_retry(self) -> RepairsFlowResult:
        if self.entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded")
        data = self.data or {}
        await _async_probe(self.entry.runtime_data.host, str(data.get("method")), data.get("model"))
        return self.async_create_entry(data={})

    @override
    def error_key(self, err: HomeAssistantError) -> str:
        return "still_used_up" if isinstance(err, QuotaExceeded) else "still_fails"


class HostMovedRepairFlow(RetryRepairFlow):
    """Leads to the form for the new address."""

    @override
    async def async_retry(self) -> RepairsFlowResult:
        result = await self.hass.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": self.entry.entry_id}
        )
        return self.async_create_entry(data={}, next_flow=(FlowType.CONFIG_FLOW, result["flow_id"]))


class ModelFlow(RetryRepairFlow):
    """Leads to the form of the subentry, where another model can be chosen."""

    @override
    async def async_retry(self) -> RepairsFlowResult:
        subentry_id = str((self.data or {}).get("subentry_id"))
        if (entry := self.entry).state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded")
        if (subentry := entry.subentries.get(subentry_id)) is None:
            # It was removed, and its model with it.
            return self.async_create_entry(data={})
        result = await self.hass.config_entries.subentries.async_init(
            (entry.entry_id, subentry.subentry_type),
            context=SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=subentry_id),
        )
        return self.async_create_entry(
            data={}, next_flow=(FlowType.CONFIG_SUBENTRIES_FLOW, result["flow_id"])
        )


class FolderRepairFlow(RetryRepairFlow):
    """Writes to the media folder again."""

    @override
    async def async_retry(self) -> RepairsFlowResult:
        await self.hass.async_add_executor_job(check_writable, media_directory(self.hass))
        return self.async_create_entry(data={})


async def _async_probe(host: ServiceHost, method: str, model: object) -> None:
    """Ask what the host had refused, in its smallest form; raises a translated error.

    Where there is no small form, the host is only asked for its models.
    """
    question = _MINIMAL_REQUESTS.get(method) if model else None
    name = method if question else "models.list"
    call, _ = await host.method(name, "raw")
    arguments = {"model": model, **question} if question else {}
    try:
        async with host.async_request_scope(_TIMEOUT):
            response = (await call(**arguments, timeout=_TIMEOUT)).http_response
            content_type = response.headers.get("content-type", "")
            host.record_success(
                parse_body(host.settings, response.content, content_type), name, model
            )
    except ServiceValidationError:
        # It does not like this question, but it did not refuse for want of quota.
        return
