"""The catalogue: one table for each family of API methods, one row for each method."""

from ..model import Action, Family
from . import audio, chat, embeddings, files, images, models, moderations, realtime, responses

FAMILIES: tuple[Family, ...] = (
    responses.FAMILY,
    chat.FAMILY,
    realtime.FAMILY,
    images.FAMILY,
    audio.FAMILY,
    files.FAMILY,
    embeddings.FAMILY,
    moderations.FAMILY,
    models.FAMILY,
)
ACTIONS: tuple[Action, ...] = tuple(action for family in FAMILIES for action in family.actions)
