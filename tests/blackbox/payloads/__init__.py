"""What every action is called with, and what its answer must hold."""

from . import assistants, beyond, core, realtime, storage, training
from .case import ANY, Case, From, Sample

__all__ = ["ANY", "PAYLOADS", "Case", "From", "Sample"]

PAYLOADS: dict[str, Case] = {
    **core.PAYLOADS,
    **assistants.PAYLOADS,
    **beyond.PAYLOADS,
    **realtime.PAYLOADS,
    **storage.PAYLOADS,
    **training.PAYLOADS,
}
