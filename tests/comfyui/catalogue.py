"""The nodes of the front end's default workflow, and those that bring a picture in and show one."""

# The models that the default workflow names.
FOLDERS = {
    "diffusion_models": ["z_image_turbo_bf16.safetensors"],
    "text_encoders": ["qwen_3_4b.safetensors"],
    "vae": ["ae.safetensors"],
    "checkpoints": [],
    "embeddings": [],
    "loras": [],
}

_WHOLE = {"default": 1, "min": 1, "max": 10000}
_SIDE = ["INT", {"default": 1024, "min": 16, "max": 16384, "step": 16}]
_TEXT = ["STRING", {"multiline": True, "dynamicPrompts": True}]
_SEED = ["INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}]
_UPLOADED = "uploaded images"

# name: inputs, outputs, category, whether its result is shown
_NODES = {
    "UNETLoader": (
        {
            "unet_name": [FOLDERS["diffusion_models"], {}],
            "weight_dtype": [["default", "fp8_e4m3fn", "fp8_e5m2"], {}],
        },
        ["MODEL"], "advanced/loaders", False),
    "CLIPLoader": (
        {
            "clip_name": [FOLDERS["text_encoders"], {}],
            "type": [["stable_diffusion", "sd3", "lumina2", "flux2"], {}],
            "device": [["default", "cpu"], {"advanced": True}],
        },
        ["CLIP"], "advanced/loaders", False),
    "VAELoader": ({"vae_name": [FOLDERS["vae"], {}]}, ["VAE"], "loaders", False),
    "ModelSamplingAuraFlow": (
        {
            "model": ["MODEL", {}],
            "shift": ["FLOAT", {"default": 1.73, "min": 0.0, "max": 100.0, "step": 0.01}],
        },
        ["MODEL"], "advanced/model", False),
    "EmptySD3LatentImage": (
        {"width": _SIDE, "height": _SIDE, "batch_size": ["INT", _WHOLE]}, ["LATENT"],
        "latent/sd3", False),
    "CLIPTextEncode": (
        {"text": _TEXT, "clip": ["CLIP", {}]}, ["CONDITIONING"], "conditioning", False),
    "KSampler": (
        {
            "model": ["MODEL", {}],
            "seed": _SEED,
            "steps": ["INT", _WHOLE | {"default": 20}],
            "cfg": ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1}],
            "sampler_name": [["euler", "dpmpp_2m", "res_multistep"], {}],
            "scheduler": [["simple", "normal", "karras"], {}],
            "positive": ["CONDITIONING", {}],
            "negative": ["CONDITIONING", {}],
            "latent_image": ["LATENT", {}],
            "denoise": ["FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}],
        },
        ["LATENT"], "sampling", False),
    "VAEDecode": ({"samples": ["LATENT", {}], "vae": ["VAE", {}]}, ["IMAGE"], "latent", False),
    "LoadImage": (
        {"image": [_UPLOADED, {"image_upload": True}]}, ["IMAGE", "MASK"], "image", False),
    "SaveImage": (
        {"images": ["IMAGE", {}], "filename_prefix": ["STRING", {"default": "ComfyUI"}]}, [],
        "image", True),
    "PreviewImage": ({"images": ["IMAGE", {}]}, [], "image", True),
}


def object_info(uploaded):
    """What the page knows of the nodes; LoadImage offers what has been uploaded."""
    return {name: _describe(name, uploaded) for name in _NODES}


def shows_its_result(node_class):
    return _NODES[node_class][3]


def _describe(name, uploaded):
    inputs, outputs, category, shown = _NODES[name]
    required = {
        key: [uploaded if kind is _UPLOADED else kind, options]
        for key, (kind, options) in inputs.items()
    }
    return {
        "input": {"required": required},
        "input_order": {"required": list(required)},
        "output": outputs,
        "output_is_list": [False] * len(outputs),
        "output_name": outputs,
        "name": name,
        "display_name": name,
        "description": "",
        "python_module": "nodes",
        "category": category,
        "output_node": shown,
    }
