"""A stand-in for ComfyUI, whose core is in no package registry.

It serves the real front end (comfyui-frontend-package) and the API that the page asks for, and it
computes nothing: a sampler draws a picture from its seed. What a proxy and a supervisor meet is as
the real program has it: the options, the origin rules, the messages and binary previews on the
WebSocket, no keepalive, the line that says it is up, death by SIGTERM without a word, and both ways
in which ComfyUI-Manager restarts it. `simulator.py` has what the real program does only when it is
ill.

    main.py --port 18188 [--enable-cors-header [ORIGIN]] [--start-delay SECONDS] …
"""

import argparse
import asyncio
import pathlib

from aiohttp import web

import api
import origin
import simulator
from engine import Engine
from storage import Storage


def options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--listen", nargs="?", const="0.0.0.0,::", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8188)
    parser.add_argument("--enable-cors-header", nargs="?", const="*", metavar="ORIGIN")
    parser.add_argument("--max-upload-size", type=float, default=100, metavar="MB")
    here = pathlib.Path(__file__).parent
    parser.add_argument("--base-directory", type=pathlib.Path, default=here)
    for ignored in ("--disable-auto-launch", "--cpu"):
        parser.add_argument(ignored, action="store_true")
    own = parser.add_argument_group("of the simulator")
    own.add_argument("--start-delay", type=float, default=0, metavar="SECONDS",
                     help="how long it takes until the port is open")
    own.add_argument("--step", type=float, default=0.02, metavar="SECONDS",
                     help="how long a step of the sampler takes")
    return parser.parse_args()


def application(chosen):
    engine = Engine(Storage(chosen.base_directory), chosen.step)
    rule = (origin.cors(chosen.enable_cors_header) if chosen.enable_cors_header
            else origin.same_origin_only)
    app = web.Application(middlewares=[api.no_cache, rule],
                          client_max_size=round(chosen.max_upload_size * 1024 * 1024))
    routes = api.routes(engine, chosen) + simulator.routes()
    # The real server has every route twice, and the page asks for those below /api.
    for route in routes:
        app.router.add_route(route.method, "/api" + route.path, route.handler)
    app.add_routes(routes + api.internal_routes(engine.storage) + api.static_routes())
    app.on_startup.append(engine.start)
    return app


async def serve(chosen):
    await asyncio.sleep(chosen.start_delay)
    runner = web.AppRunner(application(chosen), access_log=None)
    await runner.setup()
    for address in chosen.listen.split(","):
        await web.TCPSite(runner, address, chosen.port).start()
        shown = f"[{address}]" if ":" in address else address
        print("Starting server\n")
        # Vast.ai's serverless worker waits for these words.
        print(f"To see the GUI go to: http://{shown}:{chosen.port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(serve(options()))
    except KeyboardInterrupt:
        print("\nStopped server")
