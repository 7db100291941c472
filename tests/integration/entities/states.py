"""The entities of the host under test, and how to look at them."""

from homeassistant.core import HomeAssistant

CONNECTION = "binary_sensor.127_0_0_1_connection_c"
COUNT = "sensor.127_0_0_1_open_connections"
ERROR = "sensor.127_0_0_1_last_error"


def shown(hass: HomeAssistant, entity_id: str) -> str:
    """Return a state that there must be."""
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state
