//! Embeds `web/dist`: hashes, compresses and tabulates it. Pure Rust; Node is not needed here.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let dist = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("web/dist");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    list(&dist, &mut files)
        .map_err(|error| format!("{}: {error}; run `npm run build` in web/", dist.display()))?;
    files.sort();
    let mut table = String::from("&[\n");
    for (number, file) in files.iter().enumerate() {
        let path = file
            .strip_prefix(&dist)?
            .to_str()
            .ok_or("name is not UTF-8")?;
        let bytes = fs::read(file)?;
        let brotli = out.join(format!("{number}.br"));
        fs::write(&brotli, compress(&bytes)?)?;
        writeln!(
            table,
            "    Asset {{ path: {path:?}, etag: {:?}, plain: include_bytes!({file:?}), \
             brotli: include_bytes!({brotli:?}) }},",
            etag(&bytes),
        )?;
    }
    table.push_str("]\n");
    fs::write(out.join("assets.rs"), table)?;
    Ok(())
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn etag(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let mut text = String::from("\"");
    for byte in hash.iter().take(12) {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    text
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    let params = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &params)?;
    Ok(compressed)
}
