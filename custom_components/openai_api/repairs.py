"""Repair flows."""

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
from .exceptions import ApiError, QuotaExceeded, StorageError
from .media.storage import check_writable, media_directory

_TIMEOUT = 30.0
# The smallest requests to a model.
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
    """A flow of one step that ends when the failed operation succeeds."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Start."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Explain what to do, and retry when the form is sent."""
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
                placeholders |= err.translation_placeholders or {}
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema({}),
            description_placeholders=placeholders,
            errors=errors,
        )

    async def async_retry(self) -> RepairsFlowResult:
        """Retry the operation, and finish the flow; raises HomeAssistantError if it still fails."""
        raise NotImplementedError

    def error_key(self, err: HomeAssistantError) -> str:
        """Return the translation key of an error of the form."""
        raise NotImplementedError

    @property
    def entry(self) -> OpenAIConfigEntry:
        """The entry whose issue it is; raises AbortFlow if the entry is gone."""
        entry_id = str((self.data or {}).get("entry_id"))
        if (entry := self.hass.config_entries.async_get_entry(entry_id)) is None:
            raise AbortFlow("not_loaded")
        return entry


class QuotaRepairFlow(RetryRepairFlow):
    """Sends a request again after the account was topped up."""

    @override
    async def async_retry(self) -> RepairsFlowResult:
        if self.entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded")
        data = self.data or {}
        await _async_probe(self.entry.runtime_data.host, str(data.get("method")), data.get("model"))
        return self.async_create_entry(data={})

    @override
    def error_key(self, err: HomeAssistantError) -> str:
        if isinstance(err, QuotaExceeded):
            return "still_used_up"
        return "still_fails" if isinstance(err, ApiError) and err.details else "no_answer"


class HostMovedRepairFlow(RetryRepairFlow):
    """Opens the form for the new URL."""

    @override
    async def async_retry(self) -> RepairsFlowResult:
        result = await self.hass.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": self.entry.entry_id}
        )
        return self.async_create_entry(data={}, next_flow=(FlowType.CONFIG_FLOW, result["flow_id"]))


class ModelFlow(RetryRepairFlow):
    """Opens the form of the subentry, where another model can be chosen."""

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

    @override
    def error_key(self, err: HomeAssistantError) -> str:
        return "still_fails" if isinstance(err, StorageError) else "no_media_folder"


async def _async_probe(host: ServiceHost, method: str, model: object) -> None:
    """Send the smallest request of the method that failed; raises a translated error.

    For a method that has no small request, the models are listed.
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
        # The server refuses the request, but not for lack of quota.
        return
