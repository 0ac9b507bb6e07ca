//! The page's files, built into the binary by `build.rs`.

use std::path::{Component, Path, PathBuf};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;

use super::{Desk, problem::Problem};

/// One file of `web/dist`.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    pub(crate) etag: &'static str,
    pub(crate) plain: &'static [u8],
    pub(crate) brotli: &'static [u8],
}

/// Everything in `web/dist` at build time.
pub(crate) static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A file, or the page itself for the addresses that the page draws.
pub(crate) async fn serve(
    State(desk): State<Desk>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return Problem::no_such_page(uri.path()).into_response();
    }
    let path = uri.path().trim_start_matches('/');
    let page = is_page(path);
    let path = if page { "index.html" } else { path };
    let response = file(&desk, path, &headers).await;
    if response.status() != StatusCode::NOT_FOUND || !wants_page(&uri, &headers) {
        return response;
    }
    // A person with a mistyped address gets the page, which says so and knows the way back.
    let mut page = file(&desk, "index.html", &HeaderMap::new()).await;
    *page.status_mut() = StatusCode::NOT_FOUND;
    page
}

async fn file(desk: &Desk, path: &str, headers: &HeaderMap) -> Response {
    if let Some(dir) = &desk.web_dir {
        return from_disk(dir, path).await;
    }
    match ASSETS.iter().find(|asset| asset.path == path) {
        Some(asset) => embedded(asset, headers),
        None => Problem::no_such_page(path).into_response(),
    }
}

fn wants_page(uri: &Uri, headers: &HeaderMap) -> bool {
    !uri.path().starts_with("/api/")
        && headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"))
}

/// Addresses that the page's own script turns into a view.
fn is_page(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    matches!(first, "" | "processes" | "logs" | "activity" | "connect")
}

fn embedded(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let builder = Response::builder()
        .header(header::ETAG, asset.etag)
        .header(header::VARY, "Accept-Encoding")
        .header(header::CACHE_CONTROL, cache_control(asset.path));
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tags| tags.to_str().is_ok_and(|tags| tags.contains(asset.etag)));
    if known {
        return finish(builder.status(StatusCode::NOT_MODIFIED), Bytes::new());
    }
    let builder = builder.header(header::CONTENT_TYPE, content_type(asset.path));
    if accepts_brotli(headers) {
        let builder = builder.header(header::CONTENT_ENCODING, "br");
        return finish(builder, Bytes::from_static(asset.brotli));
    }
    finish(builder, Bytes::from_static(asset.plain))
}

fn finish(builder: axum::http::response::Builder, body: Bytes) -> Response {
    builder
        .body(Body::from(body))
        .expect("all header values here are constants of the build")
}

/// For development: the files as they lie on disk at this moment.
async fn from_disk(dir: &Path, path: &str) -> Response {
    let wanted = PathBuf::from(path);
    let inside = wanted
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Problem::no_such_page(path).into_response();
    }
    match tokio::fs::read(dir.join(wanted)).await {
        Ok(bytes) => (
            [
                (header::CONTENT_TYPE, content_type(path)),
                (header::CACHE_CONTROL, "no-store"),
            ],
            bytes,
        )
            .into_response(),
        Err(_) => Problem::no_such_page(path).into_response(),
    }
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
            name.trim().eq_ignore_ascii_case("br") && !refused
        })
}

/// Names below `assets/` carry a hash of their content and never change it.
fn cache_control(path: &str) -> &'static str {
    if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" | "json" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_embedded_is_what_lies_in_web_dist() {
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/dist");
        let mut on_disk = Vec::new();
        list(&dist, &dist, &mut on_disk);
        on_disk.sort();
        let embedded: Vec<_> = ASSETS
            .iter()
            .map(|a| (a.path.to_owned(), a.plain.to_vec()))
            .collect();
        assert!(embedded == on_disk, "the table of build.rs is out of date");
        assert!(ASSETS.iter().any(|asset| asset.path == "index.html"));
    }

    #[test]
    fn the_compressed_copy_holds_the_same_bytes() {
        for asset in ASSETS {
            let mut plain = Vec::new();
            brotli::BrotliDecompress(&mut &*asset.brotli, &mut plain).unwrap();
            assert!(plain == asset.plain, "{}", asset.path);
        }
    }

    #[test]
    fn the_first_view_stays_within_its_budget() {
        let total: usize = ASSETS.iter().map(|asset| asset.brotli.len()).sum();
        assert!(total <= 45_000, "the page has {total} bytes compressed");
    }

    fn list(root: &Path, dir: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                list(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.push((name.to_owned(), std::fs::read(&path).unwrap()));
            }
        }
    }
}
