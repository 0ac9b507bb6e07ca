//! What a person sees in a browser.

use anyhow::Result;
use e2e::{Instance, browser};

#[test]
fn the_login_link_opens_the_portal_without_a_console_error() -> Result<()> {
    let instance = Instance::boot("webportal")?;
    for program in ["jupyter", "tensorboard"] {
        instance.wait_ready(program)?;
    }
    browser("portal.mjs", &[&instance.link(1111)])?;
    Ok(())
}

#[test]
fn jupyterlab_runs_a_cell_in_a_live_kernel_through_the_proxy() -> Result<()> {
    let instance = Instance::boot("webjupyter")?;
    instance.wait_ready("jupyter")?;
    let notebook = r#"{"cells":[{"cell_type":"code","execution_count":null,"id":"a1","metadata":{},"outputs":[],"source":["print('six times seven is', 6*7)"]}],"metadata":{"kernelspec":{"display_name":"Python 3","language":"python","name":"python3"}},"nbformat":4,"nbformat_minor":5}"#;
    instance.sh(&format!(
        "cat > /workspace/story.ipynb <<'EOF'\n{notebook}\nEOF"
    ))?;
    browser(
        "jupyter.mjs",
        &[
            &instance.link(8080),
            &instance.url(8080, "/lab/tree/workspace/story.ipynb"),
        ],
    )?;
    Ok(())
}

#[test]
fn tensorboards_page_loads_in_a_browser() -> Result<()> {
    let instance = Instance::boot("webtb")?;
    instance.wait_ready("tensorboard")?;
    browser("tensorboard.mjs", &[&instance.link(6006)])?;
    Ok(())
}
