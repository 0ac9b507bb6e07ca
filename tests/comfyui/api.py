"""The routes, as the pinned front end calls them."""

import importlib.metadata
import json
import mimetypes
import pathlib
import sys
import time
import uuid

import comfyui_frontend_package
from aiohttp import WSMsgType, web

import catalogue
import engine as engines

WEB_ROOT = pathlib.Path(comfyui_frontend_package.__file__).parent / "static"
VERSION = "0.19.0"


@web.middleware
async def no_cache(request, handler):
    response = await handler(request)
    if request.path.endswith((".js", ".css", "index.json")):
        response.headers.setdefault("Cache-Control", "no-cache")
    return response


def static_routes():
    return [web.get("/", index), web.get("/user.css", empty_style), web.static("/", WEB_ROOT)]


def internal_routes(storage):
    """What the real server does not repeat below /api."""

    async def files(request):
        folder = storage.folders.get(request.match_info["folder"])
        if folder is None:
            raise web.HTTPBadRequest
        found = [file for file in folder.iterdir() if file.is_file()]
        newest_first = sorted(found, key=lambda file: -file.stat().st_mtime)
        return web.json_response([file.name for file in newest_first])

    async def logs(_request):
        return web.json_response({"entries": [], "size": {"cols": 80, "rows": 24}})

    async def subscribe(_request):
        return web.Response()

    return [
        web.get("/internal/files/{folder}", files),
        web.get("/internal/logs/raw", logs),
        web.patch("/internal/logs/subscribe", subscribe),
        web.get("/internal/folder_paths", nothing),
    ]


async def index(_request):
    return web.FileResponse(WEB_ROOT / "index.html", headers={"Cache-Control": "no-cache"})


async def empty_style(_request):
    return web.Response(content_type="text/css")


def routes(engine, chosen):
    table = web.RouteTableDef()
    features = {
        "supports_preview_metadata": True,
        "max_upload_size": round(chosen.max_upload_size * 1024 * 1024),
    }
    listen(table, engine, features)
    queue(table, engine)
    images(table, engine.storage)
    user(table, engine.storage)
    describe(table, engine, features)
    return list(table)


def listen(table, engine, features):
    @table.get("/ws")
    async def websocket(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        sid = request.query.get("clientId") or uuid.uuid4().hex
        await engine.joined(sid, socket)
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    said = json.loads(message.data)
                    if said.get("type") == "feature_flags":
                        engine.flags[sid] = said.get("data", {})
                        await engine.tell("feature_flags", features, sid)
        finally:
            engine.left(sid, socket)
        return socket


def queue(table, engine):
    @table.get("/prompt")
    async def waiting(_request):
        return web.json_response(engine.remaining())

    @table.post("/prompt")
    async def enqueue(request):
        asked = await request.json()
        if "prompt" not in asked:
            text = "No prompt provided"
            wrong = {"type": "no_prompt", "message": text, "details": text, "extra_info": {}}
            return web.json_response({"error": wrong, "node_errors": {}}, status=400)
        info = catalogue.object_info(engine.storage.images())
        outputs, errors = engines.validate(asked["prompt"], info)
        if errors or not outputs:
            text = "Prompt outputs failed validation" if errors else "Prompt has no outputs"
            wrong = {"type": "prompt_outputs_failed_validation", "message": text, "details": "",
                     "extra_info": {}}
            return web.json_response({"error": wrong, "node_errors": errors}, status=400)
        prompt_id = str(asked.get("prompt_id") or uuid.uuid4())
        number = asked.get("number") or engine.next_number(asked.get("front"))
        extra = asked.get("extra_data", {}) | {"create_time": int(time.time() * 1000)}
        if "client_id" in asked:
            extra["client_id"] = asked["client_id"]
        await engine.put(number, prompt_id, asked["prompt"], extra, outputs)
        return web.json_response({"prompt_id": prompt_id, "number": number, "node_errors": {}})

    @table.get("/queue")
    async def show_queue(_request):
        running = [engine.running] if engine.running else []
        return web.json_response({"queue_running": running, "queue_pending": engine.pending})

    @table.post("/queue")
    async def change_queue(request):
        asked = await request.json()
        engine.pending = [item for item in engine.pending
                          if not asked.get("clear") and item[1] not in asked.get("delete", [])]
        await engine.tell_status()
        return web.Response()

    @table.get("/history")
    async def show_history(_request):
        return web.json_response(engine.history)

    @table.get("/history/{id}")
    async def show_history_of(request):
        wanted = request.match_info["id"]
        found = {key: value for key, value in engine.history.items() if key == wanted}
        return web.json_response(found)

    @table.post("/history")
    async def change_history(request):
        asked = await request.json()
        engine.history = {key: value for key, value in engine.history.items()
                          if not asked.get("clear") and key not in asked.get("delete", [])}
        return web.Response()

    @table.get("/jobs")
    async def jobs(request):
        wanted = request.query.get("status", "").split(",")
        found = [job for job in all_jobs(engine) if wanted == [""] or job["status"] in wanted]
        start = int(request.query.get("offset", 0))
        limit = int(request.query.get("limit", len(found)))
        pages = {"offset": start, "limit": limit, "total": len(found),
                 "has_more": start + limit < len(found)}
        return web.json_response({"jobs": found[start:start + limit], "pagination": pages})

    @table.get("/jobs/{id}")
    async def job(request):
        wanted = request.match_info["id"]
        for found in all_jobs(engine):
            if found["id"] == wanted:
                done = engine.history.get(wanted, {})
                return web.json_response(found | {"outputs": done.get("outputs", {})})
        raise web.HTTPNotFound

    @table.post("/interrupt")
    async def interrupt(request):
        asked = await request.json() if request.can_read_body else {}
        engine.interrupt(asked.get("prompt_id"))
        return web.Response()

    @table.post("/free")
    async def free(_request):
        return web.Response()


def all_jobs(engine):
    def described(item, status, outputs=()):
        number, prompt_id, _, extra, _ = item
        shown = [{"nodeId": node, "mediaType": "images", **image}
                 for node, output in outputs for image in output["images"]]
        job = {"id": prompt_id, "status": status, "priority": number,
               "create_time": extra["create_time"], "outputs_count": len(shown)}
        return job | ({"preview_output": shown[-1]} if shown else {})

    done = [described(entry["prompt"], "completed" if entry["status"]["completed"] else "cancelled",
                      entry["outputs"].items())
            for entry in engine.history.values()]
    running = [described(engine.running, "in_progress")] if engine.running else []
    return [*(described(item, "pending") for item in engine.pending), *running, *reversed(done)]


def images(table, storage):
    @table.post("/upload/image")
    @table.post("/upload/mask")
    async def upload(request):
        form = await request.post()
        image = form.get("image")
        if not isinstance(image, web.FileField) or not image.filename:
            raise web.HTTPBadRequest
        kind, subfolder = form.get("type", "input"), form.get("subfolder", "")
        overwrite = form.get("overwrite") in ("true", "1")
        name = storage.upload(kind, subfolder, image.filename, image.file.read(), overwrite)
        if name is None:
            raise web.HTTPBadRequest
        return web.json_response({"name": name, "subfolder": subfolder, "type": kind})

    @table.get("/view")
    async def view(request):
        asked = request.query
        path = storage.image(asked.get("type", "output"), asked.get("subfolder", ""),
                             asked.get("filename", ""))
        if path is None:
            raise web.HTTPBadRequest
        if not path.is_file():
            raise web.HTTPNotFound
        # Ranges are FileResponse's; previews in another format are left out.
        return web.FileResponse(path, headers={
            "Content-Type": mimetypes.guess_type(path)[0] or "application/octet-stream",
            "Content-Disposition": f'filename="{path.name}"',
        })


def user(table, storage):
    @table.get("/users")
    async def users(_request):
        return web.json_response({"storage": "server", "migrated": True})

    @table.get("/settings")
    async def settings(_request):
        return web.json_response(storage.settings())

    @table.get("/settings/{id}")
    async def setting(request):
        return web.json_response(storage.settings().get(request.match_info["id"]))

    @table.post("/settings")
    async def change_settings(request):
        storage.change_settings(await request.json())
        return web.Response()

    @table.post("/settings/{id}")
    async def change_setting(request):
        storage.change_settings({request.match_info["id"]: await request.json()})
        return web.Response()

    @table.get("/userdata")
    async def list_files(request):
        folder = storage.user_file(request.query.get("dir", ""))
        if folder is None:
            raise web.HTTPForbidden
        if not folder.is_dir():
            raise web.HTTPNotFound
        found = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        if request.query.get("full_info") == "true":
            return web.json_response([file_info(file, folder) for file in found])
        return web.json_response([str(file.relative_to(folder)) for file in found])

    @table.get("/userdata/{file}")
    async def read_file(request):
        path = user_path(request)
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path)

    @table.post("/userdata/{file}")
    async def write_file(request):
        path = user_path(request)
        if path.exists() and request.query.get("overwrite") == "false":
            raise web.HTTPConflict
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(await request.read())
        return described(request, path)

    @table.delete("/userdata/{file}")
    async def delete_file(request):
        user_path(request).unlink(missing_ok=True)
        return web.Response(status=204)

    @table.post("/userdata/{file}/move/{to}")
    async def move_file(request):
        path, to = user_path(request), user_path(request, "to")
        if to.exists() and request.query.get("overwrite") == "false":
            raise web.HTTPConflict
        to.parent.mkdir(parents=True, exist_ok=True)
        path.replace(to)
        return described(request, to)

    def described(request, path):
        if request.query.get("full_info") == "true":
            return web.json_response(file_info(path, storage.user))
        return web.json_response(str(path.relative_to(storage.user)))

    def user_path(request, which="file"):
        path = storage.user_file(request.match_info[which])
        if path is None:
            raise web.HTTPForbidden
        return path


def file_info(file, folder):
    seen = file.stat()
    return {"path": str(file.relative_to(folder)), "size": seen.st_size,
            "modified": int(seen.st_mtime * 1000), "created": int(seen.st_ctime * 1000)}


def describe(table, engine, features):
    @table.get("/object_info")
    async def object_info(_request):
        return web.json_response(catalogue.object_info(engine.storage.images()))

    @table.get("/object_info/{name}")
    async def object_info_of(request):
        name = request.match_info["name"]
        info = catalogue.object_info(engine.storage.images())
        return web.json_response({name: info[name]} if name in info else {})

    @table.get("/models")
    async def folders(_request):
        return web.json_response(list(catalogue.FOLDERS))

    @table.get("/models/{folder}")
    async def models(request):
        if request.match_info["folder"] not in catalogue.FOLDERS:
            raise web.HTTPNotFound
        return web.json_response(catalogue.FOLDERS[request.match_info["folder"]])

    @table.get("/experiment/models")
    async def model_folders(_request):
        return web.json_response([{"name": name, "folders": []} for name in catalogue.FOLDERS])

    @table.get("/experiment/models/{folder}")
    async def model_files(request):
        names = catalogue.FOLDERS.get(request.match_info["folder"], [])
        return web.json_response([{"name": name, "pathIndex": 0} for name in names])

    @table.get("/embeddings")
    async def embeddings(_request):
        return web.json_response(catalogue.FOLDERS["embeddings"])

    @table.get("/extensions")
    async def extensions(_request):
        found = sorted((WEB_ROOT / "extensions").rglob("*.js"))
        return web.json_response([f"/{file.relative_to(WEB_ROOT)}" for file in found])

    @table.get("/features")
    async def show_features(_request):
        return web.json_response(features)

    @table.get("/system_stats")
    async def system_stats(_request):
        return web.json_response({
            "system": {
                "os": sys.platform, "ram_total": 2**34, "ram_free": 2**33,
                "comfyui_version": VERSION, "python_version": sys.version,
                "required_frontend_version": importlib.metadata.version("comfyui-frontend-package"),
                "pytorch_version": "none", "embedded_python": False, "argv": sys.argv,
            },
            "devices": [{"name": "cpu", "type": "cpu", "index": None, "vram_total": 2**34,
                         "vram_free": 2**33, "torch_vram_total": 2**34, "torch_vram_free": 2**33}],
        })

    for path in ("/i18n", "/workflow_templates", "/global_subgraphs", "/node_replacements"):
        table.get(path)(nothing)


async def nothing(_request):
    return web.json_response({})
