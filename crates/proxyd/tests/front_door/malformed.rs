//! Frames of HTTP/2 that no client sends, from a client that does.

use tokio::process::Command;

use crate::{
    backend::Backend,
    door::{Plan, TOKEN},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_frame_costs_its_stream_or_its_connection_rfc_9113() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/front_door/malformed.py");
    let output = Command::new(testkit::venv_program("python"))
        .arg(script)
        .args([door.address.to_string(), door.ports[0].to_string()])
        .arg(door.dir.path().join("instance.crt"))
        .arg(TOKEN)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut wrong = Vec::new();
    for line in text.lines() {
        let [case, outcome]: [String; 2] =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        if !expected(&case).contains(&outcome.as_str()) {
            wrong.push(format!("{case}: {outcome}"));
        }
    }
    assert!(text.contains("a good request"), "{text}");
    assert_eq!(wrong, [""; 0]);
    // Of them all the app has seen those that could be read: the last one, the first of the flood,
    // and the one whose data were too short or too long, if at all.
    let mut served = 0;
    while !backend.is_quiet() {
        served += 1;
    }
    assert!(served < 2000, "{served}");
    door.stop().await;
}

/// What may be done about a case. A server may close the connection where a stream would do
/// (section 5.4.2).
fn expected(case: &str) -> &'static [&'static str] {
    let (section, _) = case.split_once(' ').unwrap_or_default();
    match section {
        "a" => &["answer 200"],
        "3.4" => &["closed", "GOAWAY PROTOCOL_ERROR"],
        "4.2" => &["GOAWAY FRAME_SIZE_ERROR", "RST_STREAM FRAME_SIZE_ERROR"],
        // The h2 crate does not tell every such block from other mistakes; the connection ends.
        "4.3" => &["GOAWAY COMPRESSION_ERROR", "GOAWAY PROTOCOL_ERROR"],
        "6.4" | "6.5" | "6.7" => &["GOAWAY PROTOCOL_ERROR", "GOAWAY FRAME_SIZE_ERROR"],
        "6.5.2" => &["GOAWAY PROTOCOL_ERROR", "GOAWAY FLOW_CONTROL_ERROR"],
        "6.9.1" => &["GOAWAY FLOW_CONTROL_ERROR"],
        "10.5" => &["GOAWAY ENHANCE_YOUR_CALM"],
        "10.5.1" => &["GOAWAY ENHANCE_YOUR_CALM", "GOAWAY COMPRESSION_ERROR"],
        "8.1.1" | "8.2.1" | "8.2.2" | "8.3" | "8.3.1" => &[
            "RST_STREAM PROTOCOL_ERROR",
            "GOAWAY PROTOCOL_ERROR",
            "answer 400",
        ],
        _ => &["GOAWAY PROTOCOL_ERROR"],
    }
}
