//! What was wrong with the proxy that this one replaces, by the numbers of the list in
//! `contracts/peer-image.md` §2.10. Where another test already has it, it is named here.
//!
//! | | |
//! |---|---|
//! | 1 exempt paths | `conformance::an_exempt_path_is_matched_as_it_is_forwarded_rfc_3986_6_2` |
//! | 2 cookies by substring | `proxyd::auth::cookies::tests::only_the_exact_name_counts` |
//! | 3 the cookie is the password | `proxyd::auth::session::tests`, `login::a_logout_ends_this_session_and_no_other` |
//! | 4 credentials reach the app | `login::no_credential_of_ours_reaches_the_app_and_those_of_the_app_do` |
//! | 5 the placeholder "1" | `login::whoever_has_no_valid_credential_gets_401` |
//! | 6 Cloudflare's headers from anybody | `requests::the_app_learns_the_true_client_and_nothing_that_the_client_claims`, `tunnelled::cloudflare_is_believed_in_front_of_a_tunnel_and_nowhere_else` |
//! | 7 an open admin API | the story `sockets::only_root_and_the_group_may_look_inside` |
//! | 8 secrets in files and logs | below, and the story `front_door::the_login_link_opens_every_app_and_leaves_no_trace_of_the_token` |
//! | 9, 10 odd passwords and user names | below |
//! | 11 one wrong entry takes down all | `login::an_excluded_port_is_open_and_a_wrong_entry_costs_only_itself`, `state::a_broken_list_of_apps_changes_nothing_and_is_reported` |
//! | 12 a failed rotation keeps the old password | `rules::another_password_holds_at_once_and_ends_no_websocket` |
//! | 13 no label | below |
//! | 14 CORS | `rules::a_script_of_an_allowed_site_may_ask_and_read_and_others_may_not` |
//! | 15 a POST loses its body | below |
//! | 16 Bearer by case, comparison by time | below; `instance::Secret` compares in constant time |
//! | 17, 18 a hash per guess, in a command line | `login::who_guesses_has_to_wait_and_a_session_never_does`; no password is hashed, and none is in a command line |
//! | 19 plain HTTP for want of a certificate | `tls::wanted_https_without_a_certificate_never_becomes_plain_http` |
//! | 20 alt-svc and port 80 | below |
//! | 21 excluded sites | below |
//! | 22 an old list of apps wins | bootd's, which writes it |
//! | 23 a redirect for ever | `tls::plain_http_on_a_port_of_https_is_sent_to_https` |
//! | 24 queries written anew | `proxyd::auth::query::tests` |

use crate::{
    backend::Backend,
    door::{Plan, TOKEN},
};

fn basic(user: &str, password: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_and_a_user_are_what_they_are_written_as_9_and_10() {
    let backend = Backend::echo().await;
    for (user, password) in [
        ("vastai", "`ls` {name}"),
        ("vastai", "{$HOME}"),
        ("vastai", "a;b"),
        ("two words", "pass"),
        ("größe", "p:a:s\\\"'"),
    ] {
        let door = Plan::new()
            .app("A", backend.port)
            .set("WEB_USERNAME", user)
            .set("WEB_PASSWORD", password)
            .start()
            .await;
        let right = basic(user, password);
        let answer = door.ask(0, "GET /", &[("Authorization", &right)]).await;
        assert_eq!(answer.status, 200, "{user} {password}");
        let home = std::env::var("HOME").unwrap_or_default();
        for wrong in [basic(user, &home), basic("root", password), basic(user, "")] {
            let answer = door.ask(0, "GET /", &[("Authorization", &wrong)]).await;
            assert_eq!(answer.status, 401, "{user} {password}");
        }
        door.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_on_disk_holds_no_credential_8_and_no_label_is_no_none_13() {
    let backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let cookie = door.session().await;
    assert!(cookie.starts_with("berth_auth_token="), "{cookie}");
    door.ask(0, "POST /.berth/logout", &[("Cookie", &cookie)])
        .await;
    let mut kept = 0;
    for entry in std::fs::read_dir(door.dir.path().join("state")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains(TOKEN) && !text.contains(&cookie[17..]),
            "{path:?}"
        );
        kept += 1;
    }
    assert_eq!(kept, 2, "the key and the ended sessions");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_with_a_token_keeps_its_body_15_and_bearer_is_any_case_16() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let mut client = door.connect(0).await;
    let html = [("Accept", "text/html")];
    client
        .request(
            &format!("POST /form?token={TOKEN}"),
            &door.authority(0),
            &html,
            "a=1",
        )
        .await;
    assert_eq!(client.answer().await.status, 200);
    let seen = backend.seen().await;
    assert_eq!(
        (seen.line(), seen.body.as_str()),
        ("POST /form HTTP/1.1", "a=1")
    );
    for scheme in ["bearer", "BEARER", "Bearer "] {
        let value = format!("{scheme} {TOKEN}");
        let answer = door.ask(0, "GET /", &[("Authorization", &value)]).await;
        assert_eq!(answer.status, 200, "{scheme:?}");
    }
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_way_in_is_advertised_20() {
    let backend = Backend::answering(|_| {
        Some("HTTP/1.1 200 OK\r\nAlt-Svc: h3=\":443\"\r\nContent-Length: 0\r\n\r\n".to_owned())
    })
    .await;
    let door = Plan::new().app("A", backend.port).start().await;
    let bearer = format!("Bearer {TOKEN}");
    let answer = door.ask(0, "GET /", &[("Authorization", &bearer)]).await;
    assert_eq!((answer.status, answer.header("alt-svc")), (200, None));
    let port_80 = tokio::net::TcpStream::connect((door.address, 80)).await;
    assert!(port_80.is_err(), "somebody listens on port 80");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_site_answers_the_portal_and_shares_like_any_other_21() {
    let mut backend = Backend::echo().await;
    let plan = Plan::new().app("A", backend.port);
    let port = plan.first_port().to_string();
    let door = plan
        .set("AUTH_EXCLUDE", &port)
        .set("CADDY_CORS_ALLOWED_ORIGINS", "https://allowed.example")
        .start()
        .await;
    let answer = door.ask(0, "GET /portal-resolver", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert!(backend.is_quiet());
    let origin = [("Origin", "https://allowed.example")];
    let answer = door.ask(0, "GET /", &origin).await;
    let allowed = answer.header("access-control-allow-origin");
    assert_eq!((answer.status, allowed), (200, Some(origin[0].1)));
    door.stop().await;
}
