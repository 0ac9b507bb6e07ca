//! `berth tunnel`: state of the tunnels.

use serde_json::json;

use crate::{
    answer::{Answer, Exit, Failure},
    paint::Paint,
    sockets::Sockets,
    words,
};

pub(crate) async fn run(sockets: &Sockets, paint: Paint) -> Result<Answer, Failure> {
    let tunnel = sockets.tunnel().await?.snapshot;
    let (state, tone) = words::relay(tunnel.relay());
    let mut text = format!("relay: {}\n", paint.apply(tone, state));
    if !tunnel.relay_advice.is_empty() {
        text.push_str(&format!("{}\n", tunnel.relay_advice));
    }
    for notice in &tunnel.notices {
        text.push_str(&format!("- {notice}\n"));
    }
    text.push_str("`berth apps` lists the ways to each app.\n");
    Ok(Answer {
        text,
        json: json!({
            "epoch": tunnel.epoch,
            "generation": tunnel.generation,
            "relay": state,
            "relay_advice": tunnel.relay_advice,
            "notices": tunnel.notices,
        }),
        exit: Exit::Ok,
    })
}
