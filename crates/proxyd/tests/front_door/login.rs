//! Who gets in, and what the app learns of it.

use api::proxy::RevokeSessionsRequest;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    backend::Backend,
    door::{PASSWORD, Plan, TOKEN},
};

const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml");

#[tokio::test(flavor = "multi_thread")]
async fn a_login_link_gives_a_session_that_holds_on_every_port() {
    let mut backend = Backend::echo().await;
    let door = Plan::new()
        .app("A", backend.port)
        .app("B", backend.port)
        .start()
        .await;

    let link = format!("GET /lab?b=%20+2&token={TOKEN}&a");
    let answer = door.ask(0, &link, &[HTML]).await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("location"), Some("/lab?b=%20+2&a"));
    let line = answer.header("set-cookie").unwrap();
    for part in [
        "berth_auth_token=",
        "HttpOnly",
        "Secure",
        "SameSite=Lax",
        "Path=/",
    ] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains(TOKEN) && !line.contains(PASSWORD));
    assert!(backend.is_quiet());

    let cookie = line.split(';').next().unwrap();
    for app in [0, 1] {
        let answer = door.ask(app, "GET /x", &[("Cookie", cookie)]).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "GET /x HTTP/1.1")
        );
        assert_eq!(answer.header("set-cookie"), None);
    }
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_client_with_a_link_gets_content_and_a_session_at_once() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let link = format!("GET /?token={TOKEN}&x=1");
    let answer = door.ask(0, &link, &[("Accept", "application/json")]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(backend.seen().await.line(), "GET /?x=1 HTTP/1.1");
    let cookie = answer
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(
        door.ask(0, "GET /", &[("Cookie", &cookie)]).await.status,
        200
    );
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_valid_credential_gets_401() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let (wrong, wrong_user) = (basic("vastai:wrong"), basic(&format!("root:{PASSWORD}")));
    let raw_cookie = format!("berth_auth_token={TOKEN}");
    for (target, headers) in [
        ("/", &[][..]),
        ("/?token=wrong", &[]),
        ("/?token=", &[]),
        ("/", &[("Authorization", "Bearer wrong")]),
        ("/", &[("Authorization", wrong.as_str())]),
        ("/", &[("Authorization", wrong_user.as_str())]),
        ("/", &[("Cookie", raw_cookie.as_str())]),
    ] {
        let answer = door.ask(0, &format!("GET {target}"), headers).await;
        assert_eq!(answer.status, 401, "{target} {headers:?}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .starts_with("Basic realm=\"restricted\"")
        );
        assert_eq!(answer.header("set-cookie"), None);
    }
    let page = door.ask(0, "GET /lab?token=wrong&x=1", &[HTML]).await;
    assert_eq!(page.status, 401);
    assert!(page.body.contains("value=\"/lab?x=1\""), "{}", page.body);
    assert!(
        page.header("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    assert!(page.header("content-security-policy").is_some());
    assert!(backend.is_quiet());
    let snapshot = door.wait(|s| s.routes[0].requests_unauthorized == 8).await;
    assert_eq!(snapshot.routes[0].requests_4xx, 8);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_of_ours_reaches_the_app_and_those_of_the_app_do() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let cookie = door.session().await;
    let mixed = format!("_xsrf=1; {cookie}; theme=dark");
    let basic = format!("Basic {}", STANDARD.encode(format!("vastai:{PASSWORD}")));
    let bearer = format!("bearer {TOKEN}");

    for (target, headers) in [
        ("/q?z=2&token=tok-5ecret&a=%2F", &[][..]),
        ("/q?z=2&a=%2F", &[("Authorization", basic.as_str())]),
        (
            "/q?z=2&a=%2F",
            &[
                ("Authorization", bearer.as_str()),
                ("Cookie", mixed.as_str()),
            ],
        ),
        (
            "/q?z=2&a=%2F",
            &[
                ("Cookie", mixed.as_str()),
                ("Authorization", basic.as_str()),
            ],
        ),
    ] {
        assert_eq!(
            door.ask(0, &format!("GET {target}"), headers).await.status,
            200
        );
        let seen = backend.seen().await;
        assert_eq!(seen.line(), "GET /q?z=2&a=%2F HTTP/1.1");
        assert_eq!(seen.header("authorization"), None);
        assert!(
            !seen.head.contains("auth_token") && !seen.head.contains(TOKEN),
            "{}",
            seen.head
        );
    }

    let headers = [
        ("Cookie", mixed.as_str()),
        ("Authorization", "token jupyters-own"),
    ];
    assert_eq!(
        door.ask(0, "GET /?token=jupyters-own", &headers)
            .await
            .status,
        200
    );
    let seen = backend.seen().await;
    assert_eq!(seen.line(), "GET /?token=jupyters-own HTTP/1.1");
    assert_eq!(seen.header("authorization"), Some("token jupyters-own"));
    assert_eq!(seen.header("cookie"), Some("_xsrf=1; theme=dark"));
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_page_takes_the_token_and_leads_back() {
    let backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let post = async |body: &str| {
        let mut client = door.connect(0).await;
        client
            .request("POST /.berth/login", &door.authority(0), &[HTML], body)
            .await;
        client.answer().await
    };
    let wrong = post("token=wrong&next=%2Flab").await;
    assert_eq!(wrong.status, 401);
    assert!(
        wrong.body.contains("neither the token nor the password")
            && wrong.body.contains("value=\"/lab\"")
    );
    let right = post("token=pass+w0rd&next=%2Flab%3Fx%3D1").await;
    assert_eq!(
        (right.status, right.header("location")),
        (303, Some("/lab?x=1"))
    );
    let cookie = right
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    assert_eq!(
        door.ask(0, "GET /", &[("Cookie", cookie)]).await.status,
        200
    );
    let astray = post("token=pass+w0rd&next=%2F%2Fevil.example").await;
    assert_eq!(astray.header("location"), Some("/"));
    for asset in ["page.css", "not-ready.js"] {
        assert_eq!(
            door.ask(0, &format!("GET /.berth/{asset}"), &[])
                .await
                .status,
            200
        );
    }
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_link_cannot_send_a_browser_to_another_site() {
    let backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    for path in ["//evil.example/", "/\\evil.example/"] {
        let answer = door
            .ask(0, &format!("GET {path}?token={TOKEN}"), &[HTML])
            .await;
        let expected = format!("https://{}{path}", door.authority(0));
        assert_eq!(answer.header("location"), Some(expected.as_str()));
    }
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_sessions_are_worth_nothing() {
    let backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let cookie = door.session().await;
    assert_eq!(
        door.ask(0, "GET /", &[("Cookie", &cookie)]).await.status,
        200
    );
    door.grpc
        .clone()
        .revoke_sessions(RevokeSessionsRequest {})
        .await
        .unwrap();
    assert_eq!(
        door.ask(0, "GET /", &[("Cookie", &cookie)]).await.status,
        401
    );
    let fresh = door.session().await;
    assert_eq!(
        door.ask(0, "GET /", &[("Cookie", &fresh)]).await.status,
        200
    );
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_cannot_act_through_a_persons_session() {
    let mut backend = Backend::echo().await;
    let door = Plan::new()
        .app("A", backend.port)
        .app("B", backend.port)
        .start()
        .await;
    let cookie = door.session().await;
    let cookie = ("Cookie", cookie.as_str());
    let own = format!("https://{}", door.authority(0));
    let neighbour = format!("https://{}", door.authority(1));

    for origin in [neighbour.as_str(), "https://evil.example", "null"] {
        let answer = door
            .ask(0, "POST /prompt", &[cookie, ("Origin", origin)])
            .await;
        assert_eq!(answer.status, 403, "{origin}");
    }
    assert!(backend.is_quiet());
    let answer = door
        .ask(0, "POST /prompt", &[cookie, ("Origin", &own)])
        .await;
    assert_eq!(answer.status, 200);
    let seen = backend.seen().await;
    let inside = format!("localhost:{}", backend.port);
    assert_eq!(seen.header("host"), Some(inside.as_str()));
    assert_eq!(
        seen.header("origin"),
        Some(format!("http://{inside}").as_str())
    );
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_port_is_open_and_a_wrong_entry_costs_only_itself() {
    let backend = Backend::echo().await;
    let open = testkit::free_port();
    let door = Plan::new()
        .set("AUTH_EXCLUDE", &format!("nonsense,{open}"))
        .app("A", backend.port)
        .app_on("B", open, backend.port)
        .start()
        .await;
    assert_eq!(door.ask(1, "GET /", &[]).await.status, 200);
    assert_eq!(door.ask(0, "GET /", &[]).await.status, 401);
    let resolver = door.ask(1, "GET /portal-resolver", &[]).await;
    assert_eq!((resolver.status, resolver.body.as_str()), (200, ""));
    assert_eq!(resolver.header("access-control-allow-origin"), Some("*"));
    let snapshot = door.snapshot().await;
    assert!(
        snapshot
            .problems
            .iter()
            .any(|p| p.contains("AUTH_EXCLUDE") && p.contains("nonsense"))
    );
    assert!(!snapshot.routes.iter().find(|r| r.app == "B").unwrap().auth);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_file_wins_over_the_environment() {
    let backend = Backend::echo().await;
    let door = Plan::new()
        .environment_file("WEB_USERNAME='me'\nWEB_PASSWORD=\"edited\"\nOPEN_BUTTON_TOKEN=1\n")
        .app("A", backend.port)
        .start()
        .await;
    let status = async |credential: &str| {
        let value = format!("Basic {}", STANDARD.encode(credential));
        door.ask(0, "GET /", &[("Authorization", &value)])
            .await
            .status
    };
    assert_eq!(status("me:edited").await, 200);
    assert_eq!(status("vastai:edited").await, 401);
    assert_eq!(status(&format!("me:{PASSWORD}")).await, 401);
    assert_eq!(door.ask(0, "GET /?token=1", &[]).await.status, 401);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_has_to_wait_and_a_session_never_does() {
    let backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let cookie = door.session().await;
    let wrong = [("Authorization", "Bearer guess")];
    let mut last = door.ask(0, "GET /", &wrong).await;
    for _ in 0..30 {
        if last.status != 401 {
            break;
        }
        last = door.ask(0, "GET /", &wrong).await;
    }
    assert_eq!(last.status, 429, "{last:?}");
    let wait: u64 = last.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // Nothing that could be a guess is looked at, so that a right one is not told from others.
    let right = format!("Bearer {TOKEN}");
    for (request, name, value) in [
        ("GET /", "Authorization", right.as_str()),
        (&*format!("GET /?token={TOKEN}"), "Accept", "text/html"),
    ] {
        assert_eq!(door.ask(0, request, &[(name, value)]).await.status, 429);
    }
    let mut client = door.connect(0).await;
    let form = format!("token={TOKEN}&next=/");
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let host = door.authority(0);
    client
        .request("POST /.berth/login", &host, &kind, &form)
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 429);
    assert!(
        answer.body.contains("Too many wrong tries"),
        "{}",
        answer.body
    );
    // The one who is logged in, behind the same address, notices nothing.
    let session = [("Cookie", cookie.as_str())];
    assert_eq!(door.ask(0, "GET /", &session).await.status, 200);
    // Who carries nothing is asked for a credential, as ever.
    assert_eq!(door.ask(0, "GET /", &[]).await.status, 401);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_this_session_and_no_other() {
    let backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let (one, other) = (door.session().await, door.session().await);
    let page = door.ask(0, "GET /.berth/logout", &[]).await;
    assert!(page.body.contains("Log out"), "{}", page.body);
    // Another site cannot log anybody out.
    let evil = [("Cookie", one.as_str()), ("Origin", "https://evil.example")];
    let answer = door.ask(0, "POST /.berth/logout", &evil).await;
    assert_eq!(answer.status, 403);
    assert_eq!(door.ask(0, "GET /", &evil[..1]).await.status, 200);

    let answer = door.ask(0, "POST /.berth/logout", &evil[..1]).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), Some("/.berth/login"));
    let line = answer.header("set-cookie").unwrap();
    assert!(line.contains("Max-Age=0; "), "{line}");
    assert_eq!(door.ask(0, "GET /", &evil[..1]).await.status, 401);
    let answer = door.ask(0, "GET /", &[("Cookie", other.as_str())]).await;
    assert_eq!(answer.status, 200);
    door.stop().await;
}
