"""Restarts as ComfyUI-Manager does them, and ailments on demand."""

import asyncio
import os
import pathlib
import sys

from aiohttp import web


def routes():
    return [
        web.get("/manager/reboot", reboot),
        web.post("/v2/manager/reboot", reboot),
        web.post("/simulator/exit", leave),
        web.get("/simulator/body", body),
    ]


async def reboot(_request):
    """Under comfy-cli it ends well and expects to be started again; else it becomes itself anew."""
    session = os.environ.get("__COMFY_CLI_SESSION__")
    if session:
        pathlib.Path(session + ".reboot").touch()
        os._exit(0)
    print("\nRestarting...\n", flush=True)
    os.execv(sys.executable, [sys.executable, *sys.argv])


async def leave(request):
    """Ends at once, as a crash does: ?code=N, 1 unless told."""
    os._exit(int(request.query.get("code", 1)))


async def body(request):
    """?chunks=N of ?size=BYTES each, ?delay=SECONDS apart; ?cut=1 ends before the last of them."""
    asked = request.query
    chunks, size = int(asked.get("chunks", 1)), int(asked.get("size", 65536))
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    response.content_length = chunks * size
    await response.prepare(request)
    for _ in range(chunks - int(asked.get("cut", 0))):
        await response.write(bytes(size))
        await asyncio.sleep(float(asked.get("delay", 0)))
    if asked.get("cut"):
        request.transport.abort()
    return response
