//! `Expect: 100-continue` is the application's to answer (RFC 9110 section 10.1.1).

use std::io;
use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, OriginConnection, ok, response_bytes};
use crate::support::signal::test_signal;

fn ask_to_upload(gatepost: &Gatepost) -> Client {
    let client = gatepost.client();
    client.request("POST /upload HTTP/1.1", &["Expect: 100-continue", "Content-Length: 4"]);
    client
}

#[test]
fn the_application_invites_the_body_and_the_client_is_told() {
    let (invite, signal) = test_signal();
    let origin = Origin::tcp(move |app: &mut OriginConnection| {
        let head = app.read_head()?;
        assert_eq!(head.value("expect"), Some("100-continue"));
        app.wait_for(&signal)?;
        app.send("HTTP/1.1 100 Continue\r\n\r\n")?;
        let request = app.read_rest_of(head)?;
        app.send(ok(&request.body))
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = ask_to_upload(&gatepost);
    invite.send();
    assert_eq!(client.head().status(), 100);
    client.send("body");
    assert_eq!(client.answer().text(), "body");
}

#[test]
fn a_refusal_reaches_the_client_without_an_invitation_before_it() {
    let origin = Origin::tcp(|app: &mut OriginConnection| {
        app.read_head()?;
        app.send(response_bytes("413 Content Too Large", &[], "too large"))?;
        app.wait_for_close()
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = ask_to_upload(&gatepost);
    let answer = client.answer();
    assert_eq!((answer.status(), answer.text().as_str()), (413, "too large"));
    assert!(origin.requests().is_empty());
}

#[test]
fn a_silent_application_gets_the_body_after_a_second() {
    let origin = Origin::tcp(|app: &mut OriginConnection| -> io::Result<()> {
        let request = app.read_request()?;
        app.send(ok(&request.body))
    });
    let gatepost = Gatepost::serving(&origin);
    let start = Instant::now();
    let mut client = ask_to_upload(&gatepost);
    assert_eq!(client.head().status(), 100);
    let waited = start.elapsed();
    assert!(waited > Duration::from_millis(800) && waited < Duration::from_secs(4), "invited after {waited:?}");
    client.send("body");
    assert_eq!(client.answer().text(), "body");
}

#[test]
fn a_client_that_does_not_wait_is_served_as_well() {
    let origin = Origin::tcp(|app: &mut OriginConnection| -> io::Result<()> {
        let head = app.read_head()?;
        app.send("HTTP/1.1 100 Continue\r\n\r\n")?;
        let request = app.read_rest_of(head)?;
        app.send(ok(&request.body))
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    let head = client.request_bytes("POST / HTTP/1.1", &["Expect: 100-continue", "Content-Length: 4"]);
    client.send([&head[..], b"body"].concat());
    let mut answer = client.answer();
    if answer.status() == 100 {
        answer = client.answer();
    }
    assert_eq!((answer.status(), answer.text().as_str()), (200, "body"));
    assert_eq!(answer.head.value("connection"), None, "the connection goes on");
}

#[test]
fn a_connection_is_not_reused_while_its_body_is_still_owed() {
    let origin = Origin::tcp(|app: &mut OriginConnection| {
        loop {
            let head = app.read_head()?;
            match head.method().as_str() {
                "POST" => app.send(response_bytes("401 Unauthorized", &[], "no"))?,
                _ => app.send(ok("second"))?,
            }
        }
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = ask_to_upload(&gatepost);
    assert_eq!(client.answer().status(), 401);
    // The client may send the body after all, or the next request: with this much ambiguity the
    // connection must end, or have a request follow that is read as one.
    client.try_send(client.request_bytes("GET /second HTTP/1.1", &[]));
    if let Ok(answer) = client.try_answer() {
        assert_eq!(answer.text(), "second");
    }
    let bodies: Vec<_> = origin.captures().iter().map(|it| String::from_utf8_lossy(it).into_owned()).collect();
    assert!(bodies.iter().all(|it| it.starts_with("POST") || it.starts_with("GET")), "{bodies:?}");
}

#[test]
fn an_answer_that_has_begun_is_not_interrupted_by_an_invitation() {
    for framing in [("Content-Length: 20", "", ""), ("Transfer-Encoding: chunked", "a\r\n", "\r\n0\r\n\r\n")] {
        let origin = Origin::tcp(move |app: &mut OriginConnection| -> io::Result<()> {
            let (field, before, after) = framing;
            let between = if before.is_empty() { "" } else { "\r\n" };
            let head = app.read_head()?;
            app.send(format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n{before}0123456789"))?;
            // The body comes when the proxy holds it back no longer.
            app.read_rest_of(head)?;
            app.send(format!("{between}{before}abcdefghij{after}"))
        });
        let gatepost = Gatepost::serving(&origin);
        let mut client = ask_to_upload(&gatepost);
        client.send("body");
        let answer = client.answer();
        assert_eq!((answer.status(), answer.text().as_str()), (200, "0123456789abcdefghij"), "{framing:?}");
    }
}
