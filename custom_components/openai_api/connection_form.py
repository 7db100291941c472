"""The form for the connection: its fields and sections, and how its input is read."""

from collections.abc import Mapping, Sequence, Set
from copy import copy
from enum import StrEnum
from typing import Any, Final

from homeassistant.const import CONF_API_KEY, CONF_TIMEOUT, CONF_VERIFY_SSL
from homeassistant.data_entry_flow import InvalidData, SectionConfig, section
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol
from yarl import URL

from .api.config import AuthMethod, InvalidUrl, KeySource, parse_url, url_of
from .api.service_kinds import BY_KEY, KINDS, OPENAI, OTHER, ServiceKind, kind_of_url
from .const import (
    CONF_API_KEY_SOURCE,
    CONF_AUTH_METHOD,
    CONF_AUTH_NAME,
    CONF_BASE_URL,
    CONF_EXTRA_HEADERS,
    CONF_EXTRA_QUERY,
    CONF_MAX_RETRIES,
    CONF_ORGANIZATION,
    CONF_PROJECT,
    CONF_SERVICE_KIND,
    CONF_SKIP_VALIDATION,
    DEFAULT_BASE_URL,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
)

AUTHENTICATION: Final = "authentication"
CONNECTION: Final = "connection"
EXTRAS: Final = "extras"

_TEXT = TextSelector()
_LINES = TextSelector(TextSelectorConfig(multiple=True))
# What stands between a name and its value: in a header, and in a query.
_SEPARATORS: Final = {CONF_EXTRA_HEADERS: ": ", CONF_EXTRA_QUERY: "="}

KIND_SELECTOR: Final = SelectSelector(
    SelectSelectorConfig(
        options=[
            *(SelectOptionDict(value=kind.key, label=kind.name) for kind in KINDS),
            SelectOptionDict(value=OTHER, label="Other"),
        ],
        translation_key=CONF_SERVICE_KIND,
        mode=SelectSelectorMode.DROPDOWN,
    )
)


def dropdown(values: type[StrEnum], translation_key: str) -> SelectSelector:
    """Return a field that offers the values of an enumeration, by the texts of this key."""
    return SelectSelector(
        SelectSelectorConfig(
            options=[value.value for value in values],
            translation_key=translation_key,
            mode=SelectSelectorMode.DROPDOWN,
        )
    )


_KEY: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))
_KEY_SOURCE: Final = SelectSelector(
    SelectSelectorConfig(
        options=[source.value for source in KeySource],
        translation_key=CONF_API_KEY_SOURCE,
        mode=SelectSelectorMode.LIST,
    )
)
KEY_SCHEMA: Final = vol.Schema(
    {
        vol.Required(CONF_API_KEY_SOURCE, default=KeySource.STORED.value): _KEY_SOURCE,
        vol.Optional(CONF_API_KEY): _KEY,
    }
)
_TOP: Final[dict[vol.Marker, Any]] = {
    vol.Required(CONF_SERVICE_KIND, default=OPENAI.key): KIND_SELECTOR,
    vol.Required(CONF_BASE_URL, default=DEFAULT_BASE_URL): TextSelector(
        TextSelectorConfig(type=TextSelectorType.URL)
    ),
    vol.Optional(CONF_API_KEY): _KEY,
}
_SECTIONS: Final[dict[str, dict[vol.Marker, Any]]] = {
    AUTHENTICATION: {
        # Without a default: what is left blank follows from the service.
        vol.Optional(CONF_AUTH_METHOD): dropdown(AuthMethod, CONF_AUTH_METHOD),
        vol.Optional(CONF_AUTH_NAME): _TEXT,
        vol.Optional(CONF_API_KEY_SOURCE, default=KeySource.STORED.value): _KEY_SOURCE,
        vol.Optional(CONF_ORGANIZATION): _TEXT,
        vol.Optional(CONF_PROJECT): _TEXT,
    },
    CONNECTION: {
        vol.Optional(CONF_VERIFY_SSL, default=True): BooleanSelector(),
        vol.Optional(CONF_TIMEOUT, default=DEFAULT_TIMEOUT): NumberSelector(
            NumberSelectorConfig(
                min=1, max=3600, step="any", mode=NumberSelectorMode.BOX, unit_of_measurement="s"
            )
        ),
        vol.Optional(CONF_MAX_RETRIES, default=DEFAULT_MAX_RETRIES): NumberSelector(
            NumberSelectorConfig(min=0, max=10, step=1, mode=NumberSelectorMode.BOX)
        ),
        vol.Optional(CONF_SKIP_VALIDATION, default=False): BooleanSelector(),
    },
    # One line each: the YAML editor would trap the Tab key.
    EXTRAS: {vol.Optional(CONF_EXTRA_HEADERS): _LINES, vol.Optional(CONF_EXTRA_QUERY): _LINES},
}
_SECTION_OF: Final = {
    str(field): name for name, fields in _SECTIONS.items() for field in fields
} | {CONF_BASE_URL: CONF_BASE_URL, CONF_API_KEY: CONF_API_KEY}


def _lines_or_object(value: Any) -> Any:
    """Return the lines of the form, or an object as scripts send it."""
    return value if isinstance(value, Mapping) else _LINES(value)


_FLAT: Final = vol.Schema(
    {
        **_TOP,
        **_SECTIONS[AUTHENTICATION],
        **_SECTIONS[CONNECTION],
        **{vol.Optional(str(key)): _lines_or_object for key in _SECTIONS[EXTRAS]},
    }
)


def schema(values: Mapping[str, Any], errors: Mapping[str, str]) -> vol.Schema:
    """Return the form filled with values by their flat names; a section with an error is open.

    The fields of sections are accepted without their section, too.
    """
    fields: dict[vol.Marker, Any] = {_suggest(key, values): check for key, check in _TOP.items()}
    for name, members in _SECTIONS.items():
        inner = {_suggest(key, values): check for key, check in members.items()}
        # With a default of its own, the frontend would not show what is in it.
        options = SectionConfig(collapsed=name not in errors)
        fields[vol.Optional(name)] = section(vol.Schema(inner), options)
    return vol.Schema(fields, extra=vol.ALLOW_EXTRA)


def error_place(field: str) -> str:
    """Return the key under which the frontend shows the error of a field: its section."""
    return _SECTION_OF.get(field, field)


def flatten(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the form without its sections, with the defaults.

    Returns `{field: value}` by the `CONF_` names of an entry's data. Raises InvalidData for input
    that the form cannot have sent.
    """
    values: dict[str, Any] = {}
    for key, value in user_input.items():
        values |= value if key in _SECTIONS else {key: value}
    # The frontend sends nothing for a field that was cleared, and some scripts send null.
    values = {key: value for key, value in values.items() if value is not None}
    try:
        return dict(_FLAT(values))
    except vol.Invalid as err:
        field = str(err.path[0]) if err.path else "base"
        raise InvalidData(
            "Schema validation failed",
            path=err.path,
            error_message=err.msg,
            schema_errors={field: err.msg},
        ) from err


def clean(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the form as an entry's data holds them.

    Returns `{field: value}` without blank values; `extra_headers` and `extra_query` are `{name:
    value}`, `max_retries` is an integer.
    """
    data = {
        key: value.strip() if isinstance(value, str) else value for key, value in values.items()
    }
    for key in _SEPARATORS:
        if isinstance(lines := data.get(key), Sequence) and not isinstance(lines, str):
            data[key] = read_lines(lines, _SEPARATORS[key].strip())
    data = {key: value for key, value in data.items() if value not in ("", None, {})}
    data[CONF_MAX_RETRIES] = int(data.get(CONF_MAX_RETRIES, DEFAULT_MAX_RETRIES))
    return data


def read_lines(lines: Sequence[str], separator: str) -> dict[str, str]:
    """Read lines of names and values.

    Returns `{name: value}`. The name of a line without a separator is empty, which `is_flat`
    refuses.
    """
    named: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in lines)):
        name, found_separator, value = line.partition(separator)
        named[name.strip() if found_separator else ""] = value.strip()
    return named


def write_lines(key: str, values: Mapping[str, Any]) -> list[str]:
    """Return names and values as lines: `name: value` for headers, `name=value` for a query."""
    return [f"{name}{_SEPARATORS[key]}{value}" for name, value in values.items()]


def to_show(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry's data as the form shows it, without the API key.

    Returns `{field: value}`; `extra_headers` and `extra_query` are lists of lines.
    """
    form_values = {key: value for key, value in data.items() if key != CONF_API_KEY}
    for key in _SEPARATORS:
        if isinstance(values := form_values.get(key), Mapping):
            form_values[key] = write_lines(key, values)
    return form_values


def is_flat(value: Any) -> bool:
    """Return whether a value can be sent as headers or as a query."""
    return isinstance(value, Mapping) and all(
        name and isinstance(item, str | int | float) for name, item in value.items()
    )


def error_of_fields(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the error in the values of the form, before a request is sent.

    Returns `{field: translation key}`, `{}` if there is none.
    """
    if data[CONF_AUTH_METHOD] in {AuthMethod.HEADER, AuthMethod.QUERY} and not data.get(
        CONF_AUTH_NAME
    ):
        return {CONF_AUTH_NAME: "auth_name_missing"}
    for key in (CONF_EXTRA_HEADERS, CONF_EXTRA_QUERY):
        if not is_flat(data.get(key, {})):
            return {key: "not_an_object"}
    return {} if data[CONF_BASE_URL] else {CONF_BASE_URL: "url_missing"}


def _suggest(key: vol.Marker, values: Mapping[str, Any]) -> vol.Marker:
    """Return a field's marker with the value that the form shows."""
    if (name := str(key)) not in values:
        return key
    marker = copy(key)
    marker.description = {"suggested_value": values[name]}
    return marker


def identity(data: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what two entries for the same account of the same service have in common.

    Returns `(URL, key source, API key, organization)`; None for each that is not set.
    """
    url = url_of(data)
    return (
        url and str(url).rstrip("/"),
        data.get(CONF_API_KEY_SOURCE),
        data.get(CONF_API_KEY),
        data.get(CONF_ORGANIZATION),
    )


def add_defaults(data: dict[str, Any], *, has_key: bool) -> ServiceKind | None:
    """Add the URL and the authentication that follow from the chosen service; return its kind.

    `data` is `{field: value}` as `clean` returns it, and loses the choice itself. `has_key` says
    that there is a key, typed or saved: it is then sent also where none is needed.
    """
    kind = BY_KEY.get(data.pop(CONF_SERVICE_KIND, OTHER))
    is_default_url = data[CONF_BASE_URL].rstrip("/") == DEFAULT_BASE_URL
    if kind is not OPENAI and is_default_url:
        # It was not changed after another service had been chosen.
        data[CONF_BASE_URL] = kind.base_url if kind else ""
    elif kind is OPENAI and not is_default_url:
        # Nothing was chosen, only another URL entered.
        kind = _kind_at(data[CONF_BASE_URL])
    if CONF_AUTH_METHOD in data:
        return kind
    method = AuthMethod.BEARER
    if kind and (kind.needs_key or has_key):
        method = kind.auth_method
        if kind.auth_name:
            data.setdefault(CONF_AUTH_NAME, kind.auth_name)
    elif kind:
        method = AuthMethod.NONE
    data[CONF_AUTH_METHOD] = method.value
    return kind


def _kind_at(url: str) -> ServiceKind | None:
    """Return the kind of service that alone answers at a URL, if the URL is one."""
    try:
        return kind_of_url(parse_url(url))
    except InvalidUrl:
        return None


def location(url: URL) -> str:
    """Return a URL without its scheme and query."""
    return str(url.with_query(None)).partition("://")[2].rstrip("/")


def title_of(data: Mapping[str, Any], kind: ServiceKind | None, taken: Set[str]) -> str:
    """Return the name of the service or its server, with more of its URL if that is taken."""
    url = parse_url(data[CONF_BASE_URL])
    place = location(url)
    if kind is None:
        titles = [url.host or "", place]
    else:
        account = data.get(CONF_ORGANIZATION)
        account_titles = [f"{kind.name} ({account})"] if account else []
        titles = [kind.name, *account_titles, f"{kind.name} ({place})"]
    return next((title for title in titles if title not in taken), titles[-1])


def host_of(data: Mapping[str, Any]) -> str:
    """Return the host name in the URL of an entry's data, by default that of OpenAI."""
    url = url_of(data)
    return (url and url.host) or ""
