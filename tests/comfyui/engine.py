"""The queue of prompts, what becomes of each, and who is told."""

import asyncio
import json
import logging
import struct
import time

import catalogue
import picture

PREVIEW_IMAGE, PREVIEW_IMAGE_WITH_METADATA = 1, 4
PNG = 2


class Interrupted(Exception):
    """Somebody has asked for an end."""


class Engine:
    def __init__(self, storage, step):
        self.storage = storage
        self.step = step
        self.sockets = {}
        self.flags = {}
        self.pending = []
        self.running = None
        self.history = {}
        self.number = 0
        self.at = None
        self.interrupted = False
        self.arrived = asyncio.Event()

    async def start(self, _app):
        self.task = asyncio.create_task(self.work())

    async def work(self):
        while True:
            while not self.pending:
                self.arrived.clear()
                await self.arrived.wait()
            self.running = self.pending.pop(0)
            self.interrupted = False
            await Run(self, *self.running).execute()
            self.running = None
            await self.tell_status()

    # The queue.

    async def put(self, number, prompt_id, prompt, extra, outputs):
        self.pending.append((number, prompt_id, prompt, extra, outputs))
        self.pending.sort(key=lambda item: item[0])
        self.arrived.set()
        await self.tell_status()

    def next_number(self, front):
        self.number += 1
        return -self.number if front else self.number

    def remaining(self):
        return {"exec_info": {"queue_remaining": len(self.pending) + (self.running is not None)}}

    def interrupt(self, prompt_id=None):
        if self.running and prompt_id in (None, self.running[1]):
            self.interrupted = True

    # The sockets. A client that comes again with its id takes the place of its former socket.

    async def joined(self, sid, socket):
        self.sockets[sid] = socket
        await self.tell("status", {"status": self.remaining(), "sid": sid}, sid)
        if self.running and self.running[3].get("client_id") == sid and self.at:
            await self.tell("executing", {"node": self.at}, sid)

    def left(self, sid, socket):
        if self.sockets.get(sid) is socket:
            del self.sockets[sid]
            self.flags.pop(sid, None)

    async def tell_status(self):
        await self.tell("status", {"status": self.remaining()})

    async def tell(self, kind, data, sid=None):
        text = json.dumps({"type": kind, "data": data})
        for socket in self.listeners(sid):
            await quietly(socket.send_str(text))

    async def show(self, image, about, sid):
        if self.flags.get(sid, {}).get("supports_preview_metadata"):
            text = json.dumps(about | {"image_type": "image/png"}).encode()
            frame = struct.pack(">II", PREVIEW_IMAGE_WITH_METADATA, len(text)) + text + image
        else:
            frame = struct.pack(">II", PREVIEW_IMAGE, PNG) + image
        for socket in self.listeners(sid):
            await quietly(socket.send_bytes(frame))

    def listeners(self, sid):
        return [socket for key, socket in list(self.sockets.items()) if sid in (None, key)]


class Run:
    """One prompt from start to end."""

    def __init__(self, engine, number, prompt_id, prompt, extra, outputs):
        self.engine = engine
        self.prompt_id, self.prompt = prompt_id, prompt
        self.sid = extra.get("client_id")
        self.item = [number, prompt_id, prompt, extra, outputs]
        self.results, self.shown, self.messages, self.states = {}, {}, [], {}

    async def execute(self):
        await self.tell("execution_start", {}, dated=True)
        await self.tell("execution_cached", {"nodes": []}, dated=True)
        status = "success"
        try:
            for target in self.item[4]:
                await self.result_of(target)
            await self.tell("execution_success", {}, dated=True)
        except Interrupted:
            status = "error"
            await self.tell("execution_interrupted", self.place(), dated=True)
        except Exception as problem:
            status = "error"
            logging.exception("!!! Exception during processing !!!")
            await self.tell("execution_error", {
                **self.place(),
                "exception_message": str(problem),
                "exception_type": type(problem).__name__,
                "traceback": [],
            }, dated=True)
        self.engine.at = None
        self.engine.history[self.prompt_id] = {
            "prompt": self.item,
            "outputs": self.shown,
            "status": {
                "status_str": status,
                "completed": status == "success",
                "messages": self.messages,
            },
            "meta": {},
        }
        await self.tell("executing", {"node": None})

    def place(self):
        at = self.engine.at
        kind = self.prompt[at]["class_type"] if at else None
        return {"node_id": at, "node_type": kind, "executed": list(self.results)}

    async def result_of(self, node):
        if node in self.results:
            return self.results[node]
        inputs = {}
        for name, value in self.prompt[node]["inputs"].items():
            inputs[name] = await self.result_of(value[0]) if is_link(value) else value
        self.engine.at = node
        await self.tell("executing", {"node": node, "display_node": node})
        await self.progress(node, 0, 1)
        self.results[node] = await self.compute(node, self.prompt[node]["class_type"], inputs)
        await self.progress(node, 1, 1, "finished")
        return self.results[node]

    async def compute(self, node, kind, inputs):
        if kind == "KSampler":
            return await self.sample(node, inputs["seed"], inputs["steps"])
        if kind == "LoadImage":
            return self.engine.storage.image("input", "", inputs["image"]).read_bytes()
        if kind == "VAEDecode":
            return inputs["samples"]
        if catalogue.shows_its_result(kind):
            await self.keep(node, kind, inputs)
        return None

    async def sample(self, node, seed, steps):
        for step in range(1, steps + 1):
            await asyncio.sleep(self.engine.step)
            if self.engine.interrupted:
                raise Interrupted
            await self.progress(node, step, steps)
            about = {"node_id": node, "display_node_id": node, "parent_node_id": None,
                     "real_node_id": node, "prompt_id": self.prompt_id}
            await self.engine.show(picture.draw(seed, step / steps), about, self.sid)
        return picture.draw(seed)

    async def keep(self, node, kind, inputs):
        where = "output" if kind == "SaveImage" else "temp"
        prefix = inputs.get("filename_prefix", "ComfyUI_temp")
        name = self.engine.storage.save(where, prefix, inputs["images"])
        self.shown[node] = {"images": [{"filename": name, "subfolder": "", "type": where}]}
        about = {"node": node, "display_node": node, "output": self.shown[node]}
        await self.tell("executed", about)

    async def progress(self, node, value, most, state="running"):
        self.states[node] = {
            "value": value, "max": most, "state": state, "node_id": node,
            "prompt_id": self.prompt_id, "display_node_id": node, "parent_node_id": None,
            "real_node_id": node,
        }
        await self.tell("progress_state", {"nodes": self.states})
        if most > 1:
            await self.tell("progress", {"value": value, "max": most, "node": node})

    async def tell(self, kind, data, dated=False):
        data = data | {"prompt_id": self.prompt_id}
        if dated:
            data["timestamp"] = int(time.time() * 1000)
            self.messages.append([kind, data])
        await self.engine.tell(kind, data, self.sid)


def validate(prompt, info):
    """The outputs to compute, and what is wrong with which node."""
    errors = {}
    for node, entry in prompt.items():
        kind = entry.get("class_type")
        if kind not in info:
            return [], {node: error(kind, "missing_node_type", f"Node '{kind}' not found.", "")}
        for name, (allowed, _) in info[kind]["input"]["required"].items():
            found = entry["inputs"].get(name)
            if found is None:
                text = "Required input is missing"
                errors[node] = error(kind, "required_input_missing", text, name)
            elif is_link(found) and found[0] not in prompt:
                errors[node] = error(kind, "exception_during_validation", "No such node", name)
            elif isinstance(allowed, list) and not is_link(found) and found not in allowed:
                details = f"{name}: '{found}' not in {allowed}"
                errors[node] = error(kind, "value_not_in_list", "Value not in list", details)
    for node, wrong in errors.items():
        what = wrong["errors"][0]
        logging.error("Failed to validate prompt\n* %s %s:\n  - %s: %s",
                      wrong["class_type"], node, what["message"], what["details"])
    outputs = [node for node, entry in prompt.items()
               if catalogue.shows_its_result(entry["class_type"])]
    return outputs, errors


def error(kind, what, message, details):
    return {
        "class_type": kind,
        "dependent_outputs": [],
        "errors": [{"type": what, "message": message, "details": details, "extra_info": {}}],
    }


def is_link(value):
    return isinstance(value, list) and len(value) == 2


async def quietly(sending):
    """A client that has gone is no concern of the others."""
    try:
        await sending
    except OSError as problem:
        logging.warning("send error: %s", problem)
