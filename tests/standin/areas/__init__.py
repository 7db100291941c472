"""The API's areas; each brings its table of routes."""

from tests.standin.routing import Route, SocketRoute

from . import (
    audio,
    chat,
    embeddings,
    files,
    images,
    models,
    moderations,
    realtime,
    responses,
    responses_socket,
)

# A further area is a module with ROUTES, and SOCKETS where it has any, named here.
ROUTES: tuple[Route, ...] = (
    *audio.ROUTES,
    *chat.ROUTES,
    *embeddings.ROUTES,
    *files.ROUTES,
    *images.ROUTES,
    *models.ROUTES,
    *moderations.ROUTES,
    *realtime.ROUTES,
    *responses.ROUTES,
)
SOCKETS: tuple[SocketRoute, ...] = (*realtime.SOCKETS, *responses_socket.SOCKETS)
