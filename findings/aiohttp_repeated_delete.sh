#!/usr/bin/env bash
# Most would guess: aiohttp sends a request once, and raises if the connection breaks before the answer.
# What happens: on a connection that was kept open, requests that ought to be repeatable, DELETE among
# them, are sent a second time without a word. The first one was carried out, so the answer is 404.
# Who meets it: whoever takes the 404 of a deletion for "there was nothing to delete".
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi aiohttp==3.14.5
expect 'the server got: GET /jobs, DELETE /jobs/1, DELETE /jobs/1; the caller: 404' "$(python - <<'PY'
import asyncio
from aiohttp import ClientSession

jobs, got = {"/jobs/1"}, []


async def serve(reader, writer):
    """Delete a job, and lose the connection once before that is answered."""
    while line := await reader.readline():
        while (await reader.readline()).strip():
            pass
        method, path, _ = line.decode().split()
        got.append(f"{method} {path}")
        status = "200 OK"
        if method == "DELETE":
            if path in jobs:
                jobs.remove(path)
                writer.transport.abort()
                return
            status = "404 Not Found"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/jobs"):
            pass
        async with session.delete("/jobs/1") as response:
            print(f"the server got: {', '.join(got)}; the caller: {response.status}")
    server.close()


asyncio.run(main())
PY
)"
