"""The connection settings of a service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
import os
import re
from typing import Any, Final, Self

from homeassistant.const import CONF_API_KEY, CONF_TIMEOUT, CONF_VERIFY_SSL
import voluptuous as vol
from yarl import URL

from ..const import (
    CONF_API_KEY_SOURCE,
    CONF_AUTH_METHOD,
    CONF_AUTH_NAME,
    CONF_BASE_URL,
    CONF_EXTRA_HEADERS,
    CONF_EXTRA_QUERY,
    CONF_MAX_RETRIES,
    CONF_ORGANIZATION,
    CONF_PROJECT,
    DEFAULT_BASE_URL,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
)
from ..redaction import SecretRedactor, credentials

# Control, zero-width and byte order characters, which no key has.
_NO_KEY = re.compile("[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202f\u2060\ufeff]")
_SCHEME = re.compile(r"(?:authorization:\s*)?bearer\s+", re.IGNORECASE)


class AuthMethod(StrEnum):
    """How the key is sent."""

    BEARER = "bearer"
    HEADER = "header"
    QUERY = "query"
    NONE = "none"


class KeySource(StrEnum):
    """Where the key is stored."""

    STORED = "stored"
    ENVIRONMENT = "environment"


class InvalidSettings(ValueError):
    """An entry holds what no form has written, or what only a newer release knows."""


class InvalidUrl(InvalidSettings):
    """The URL is not a valid HTTP URL."""


class ApiKeyNotFound(LookupError):
    """There is no key; `key` is the translation key of what to do about it."""

    def __init__(self, key: str = "key_not_found") -> None:
        """Take the translation key."""
        super().__init__(key)
        self.key = key


_STORED: Final = vol.Schema(
    {
        CONF_AUTH_METHOD: vol.In([method.value for method in AuthMethod]),
        **dict.fromkeys(
            (CONF_AUTH_NAME, CONF_API_KEY, CONF_ORGANIZATION, CONF_PROJECT), vol.Maybe(str)
        ),
        CONF_VERIFY_SSL: bool,
        CONF_TIMEOUT: vol.Coerce(float),
        CONF_MAX_RETRIES: vol.Coerce(int),
        **dict.fromkeys((CONF_EXTRA_HEADERS, CONF_EXTRA_QUERY), vol.Maybe(dict)),
    },
    extra=vol.ALLOW_EXTRA,
)
"""What the settings must be to be read."""


@dataclass(frozen=True, kw_only=True)
class HostConfig:
    """The settings of one service, checked, with the API key."""

    base_url: str
    """Without a query string or a trailing slash."""
    auth_method: AuthMethod = AuthMethod.BEARER
    auth_name: str = ""
    api_key: str = field(default="", repr=False)
    organization: str | None = None
    project: str | None = None
    verify_ssl: bool = True
    timeout: float = DEFAULT_TIMEOUT
    """Seconds to wait for a response, retries included."""
    max_retries: int = DEFAULT_MAX_RETRIES
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The query of the URL and the extra query, without the key."""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return the settings in an entry's data.

        An API key in the environment is read. Raises InvalidUrl and ApiKeyNotFound, and
        InvalidSettings for other values that cannot be read.
        """
        try:
            _STORED(dict(data))
        except vol.Invalid as err:
            # Without the text, which may quote a key.
            raise InvalidSettings(str(err.path[0])) from None
        url = parse_url(data.get(CONF_BASE_URL, DEFAULT_BASE_URL))
        method = AuthMethod(data.get(CONF_AUTH_METHOD, AuthMethod.BEARER))
        query = {**dict(url.query), **_stringify(data.get(CONF_EXTRA_QUERY))}
        if method in {AuthMethod.HEADER, AuthMethod.QUERY} and not data.get(CONF_AUTH_NAME):
            raise InvalidSettings(CONF_AUTH_NAME)
        if method is AuthMethod.QUERY:
            # The name of the key is reserved for it.
            query.pop(data[CONF_AUTH_NAME], None)
        return cls(
            base_url=str(url.with_query(None)).rstrip("/"),
            auth_method=method,
            auth_name=data.get(CONF_AUTH_NAME) or "",
            api_key="" if method is AuthMethod.NONE else _load_api_key(data),
            organization=data.get(CONF_ORGANIZATION) or None,
            project=data.get(CONF_PROJECT) or None,
            verify_ssl=data.get(CONF_VERIFY_SSL, True),
            timeout=float(data.get(CONF_TIMEOUT, DEFAULT_TIMEOUT)),
            max_retries=int(data.get(CONF_MAX_RETRIES, DEFAULT_MAX_RETRIES)),
            extra_headers=_stringify(data.get(CONF_EXTRA_HEADERS)),
            query=query,
        )

    @property
    def auth_headers(self) -> dict[str, str]:
        """The headers that carry the key."""
        if self.auth_method is AuthMethod.BEARER:
            return {"Authorization": f"Bearer {self.api_key}"}
        if self.auth_method is AuthMethod.HEADER:
            return {self.auth_name: self.api_key}
        return {}

    @property
    def auth_query(self) -> dict[str, str]:
        """The query parameters that carry the key."""
        return {self.auth_name: self.api_key} if self.auth_method is AuthMethod.QUERY else {}

    @property
    def organization_headers(self) -> dict[str, str]:
        """The headers of the account and the extra headers, without that of the key."""
        account = {
            "OpenAI-Organization": self.organization,
            "OpenAI-Project": self.project,
        }
        taken = {name.lower() for name in self.auth_headers}
        headers = {**{key: value for key, value in account.items() if value}, **self.extra_headers}
        return {name: value for name, value in headers.items() if name.lower() not in taken}

    @cached_property
    def _redactor(self) -> SecretRedactor:
        """Replaces every secret of this service in a text."""
        values = (*credentials(self.extra_headers), *credentials(self.query))
        return SecretRedactor([self.api_key, *values])

    def redact(self, text: str) -> str:
        """Return the text with `***` in place of every secret of this host.

        Takes a text of any length, before it is cut. Finds keys of any length, in other case,
        percent-encoded, escaped for HTML or JSON, in Base64, and the parts of `Basic`.
        """
        return self._redactor.redact(text)


def parse_url(value: object) -> URL:
    """Return the URL; raises InvalidUrl unless it is HTTP(S) without credentials and fragment."""
    if not isinstance(value, str):
        raise InvalidUrl
    try:
        url = URL(value.strip())
        host, _ = url.host, url.port
    except ValueError:
        # Neither is it quoted, for it may hold a key.
        raise InvalidUrl from None
    if url.scheme not in {"http", "https"} or not host or url.user or url.password or url.fragment:
        raise InvalidUrl
    return url


def url_of(data: Mapping[str, Any]) -> URL | None:
    """Return the URL in an entry's data, by default that of OpenAI; None if it is not valid."""
    try:
        return parse_url(data.get(CONF_BASE_URL, DEFAULT_BASE_URL))
    except InvalidUrl:
        return None


def _load_api_key(data: Mapping[str, Any]) -> str:
    """Return the key; raises ApiKeyNotFound."""
    method = data.get(CONF_AUTH_METHOD)
    is_whole_header = method in {AuthMethod.HEADER, AuthMethod.QUERY}
    key = _stripped_key(data.get(CONF_API_KEY) or "", is_whole=is_whole_header)
    if not key:
        raise ApiKeyNotFound
    if data.get(CONF_API_KEY_SOURCE) == KeySource.ENVIRONMENT:
        # The name is not told: it may be a key that was entered in its place.
        if (value := os.environ.get(key)) is None:
            raise ApiKeyNotFound("variable_not_set")
        if not (key := _stripped_key(value, is_whole=is_whole_header)):
            raise ApiKeyNotFound("variable_blank")
    return key


def _stripped_key(key: str, *, is_whole: bool) -> str:
    """Return a key without what is copied along with it: line breaks, quotes, invisible signs.

    Unless it `is_whole`, the name of the scheme in front of it is added when it is sent.
    """
    key = _NO_KEY.sub("", key).strip().strip("\"'`").strip()
    return key if is_whole else _SCHEME.sub("", key)


def _stringify(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the values as headers and queries take them."""
    return {str(key): str(value) for key, value in (values or {}).items()}
