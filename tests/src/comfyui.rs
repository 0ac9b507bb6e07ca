//! ComfyUI, or what stands in for it: `tests/comfyui`.

use testkit::Checkout;

use crate::Options;

impl Options {
    /// Puts the simulator where ComfyUI is looked for, so that the shipped program runs it as it
    /// runs the real one: with the shipped options, unless `COMFYUI_ARGS` says others.
    #[must_use]
    pub fn comfyui(self) -> Self {
        self.directory(Checkout::find().top().join("tests/comfyui"), COMFYUI)
            .env("COMFYUI_PYTHON", "/venv/test/bin/python")
    }
}

/// Where the image keeps it.
const COMFYUI: &str = "/opt/workspace-internal/ComfyUI";
