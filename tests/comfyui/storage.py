"""Files and settings, laid out as in a ComfyUI directory."""

import json
import pathlib

# A user who has seen the tour, which lies over the page, and who wants no news from outside.
SETTLED = {"Comfy.TutorialCompleted": True, "Comfy.Notification.ShowVersionUpdates": False}


class Storage:
    def __init__(self, base):
        self.base = base
        self.folders = {name: base / name for name in ("input", "output", "temp")}
        self.user = base / "user" / "default"
        for folder in [*self.folders.values(), self.user / "workflows", self.user / "subgraphs"]:
            folder.mkdir(parents=True, exist_ok=True)
        # The page asks for these of every user, and a browser calls each 404 an error.
        for name, text in {"user.css": "", "comfy.templates.json": "[]"}.items():
            if not (self.user / name).exists():
                (self.user / name).write_text(text)

    def settings(self):
        file = self.user / "comfy.settings.json"
        return json.loads(file.read_text()) if file.exists() else SETTLED

    def change_settings(self, changes):
        text = json.dumps(self.settings() | changes, indent=4)
        (self.user / "comfy.settings.json").write_text(text)

    def images(self):
        found = self.folders["input"].iterdir()
        return sorted(file.name for file in found if file.is_file())

    def image(self, kind, subfolder, name):
        """Where an image is, or None when that is not a place for images."""
        return inside(self.folders[kind], f"{subfolder}/{name}") if kind in self.folders else None

    def user_file(self, name):
        return inside(self.user, name)

    def upload(self, kind, subfolder, name, data, overwrite):
        """Keeps an image; one that differs from its namesake gets another name."""
        path = self.image(kind, subfolder, name)
        if path is None:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        wanted, number = path, 0
        while not overwrite and path.exists() and path.read_bytes() != data:
            number += 1
            path = wanted.with_stem(f"{wanted.stem} ({number})")
        path.write_bytes(data)
        return path.name

    def save(self, kind, prefix, data):
        """Keeps a result under the next free number, as the real program names them."""
        prefix, number = pathlib.PurePath(prefix).name or "ComfyUI", 1
        while (self.folders[kind] / f"{prefix}_{number:05}_.png").exists():
            number += 1
        name = f"{prefix}_{number:05}_.png"
        (self.folders[kind] / name).write_bytes(data)
        return name


def inside(folder, name):
    """The path of `name` below `folder`, or None when it leads out of it."""
    path = (folder / name.lstrip("/")).resolve()
    return path if path.is_relative_to(folder.resolve()) else None
