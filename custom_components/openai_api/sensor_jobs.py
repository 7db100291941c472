"""Shows each watched job, and how it ended, for as long as that is news."""

from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN, SensorEntity
from homeassistant.const import MAX_LENGTH_STATE_STATE
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .data import OpenAIConfigEntry
from .entity import HostEntity, remove_entity
from .jobs.job import Job

_KEY = "job"


@callback
def async_setup_jobs(
    hass: HomeAssistant,
    entry: OpenAIConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an entity for each job that is watched, and remove it when the job is forgotten."""
    registry = er.async_get(hass)
    jobs = entry.runtime_data.jobs
    entities = {key: JobSensor(entry, job) for key, job in jobs.jobs.items()}
    known = {entity.unique_id for entity in entities.values()}
    for left in er.async_entries_for_config_entry(registry, entry.entry_id):
        is_job = left.domain == SENSOR_DOMAIN and left.translation_key == _KEY
        if is_job and left.unique_id not in known:
            # The jobs that Home Assistant has stored are others by now.
            remove_entity(registry, left.entity_id)
    async_add_entities(entities.values())

    @callback
    def handle_event(job: Job) -> None:
        entity = entities.get(job.key)
        if job.key not in jobs.jobs:
            if entity is not None:
                del entities[job.key]
                if entity.registry_entry is not None:
                    remove_entity(registry, entity.registry_entry.entity_id)
        elif entity is not None:
            entity.async_update_state(job)
        else:
            entity = entities[job.key] = JobSensor(entry, job)
            async_add_entities([entity])

    entry.async_on_unload(jobs.listen(handle_event))


class JobSensor(HostEntity, SensorEntity):
    """Something that goes on at the host; its state is the host's word for how far it is."""

    def __init__(self, entry: OpenAIConfigEntry, job: Job) -> None:
        """Initialize the entity of a job."""
        super().__init__(entry, _KEY)
        self._attr_unique_id = f"{self.unique_id}_{job.key}"
        self._attr_translation_placeholders = {"name": job.name or job.id}
        self._update_attrs(job)

    @callback
    def async_update_state(self, job: Job) -> None:
        """Show how far the job is; a disabled entity shows nothing."""
        self._update_attrs(job)
        if self.hass is not None:
            self.async_write_ha_state()

    def _update_attrs(self, job: Job) -> None:
        """Update the state and the attributes."""
        described = job.as_response()
        status = job.status
        self._attr_native_value = status and status[:MAX_LENGTH_STATE_STATE]
        self._attr_extra_state_attributes = {
            "kind": job.kind,
            "job_id": job.id,
            "started": described["started"],
            **job.counts,
            **({"error": job.error} if job.error else {}),
        }
