//! The webhook: every notification is sent to it, again if need be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use fixtures::TestKms;
use fixtures::process::eventually;
use kms_server::observe::webhook::Webhook;
use serde_json::{Value, json};

use super::events::{new_key, notifications, service_events};
use super::wire::call;

/// What a receiver got: the head of the request, and its body.
struct Received {
    head: String,
    body: Value,
}

/// Answers one request after the other with these statuses, then with 200. Tells what it got.
fn receiver(statuses: &'static [u16]) -> (String, mpsc::Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?token=t", listener.local_addr().unwrap());
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        let mut statuses = statuses.iter();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                stream.read_line(&mut head).unwrap();
            }
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap()];
            stream.read_exact(&mut body).unwrap();
            let status = statuses.next().unwrap_or(&200);
            let answer = format!("HTTP/1.1 {status} Any\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            if sender.send(Received { head, body: serde_json::from_slice(&body).unwrap() }).is_err() {
                return;
            }
        }
    });
    (url, received)
}

fn kms_with(url: String, attempts_max: u32) -> TestKms {
    TestKms::with(|builder| builder.webhook(Some(Webhook { url, attempts_max })))
}

async fn rotate(kms: &TestKms) {
    let arn = new_key(kms).await;
    call(kms, "RotateKeyOnDemand", json!({ "KeyId": arn })).await.ok();
}

fn all_removed(kms: &TestKms) {
    let outbox = kms.service().parts().engine.outbox();
    assert!(eventually(|| outbox.is_empty().then_some(())).is_some());
}

#[tokio::test]
async fn events_are_posted_until_they_are_taken() {
    let (url, received) = receiver(&[500, 429, 200, 401, 200]);
    let kms = kms_with(url, 8);
    rotate(&kms).await;
    rotate(&kms).await;
    let sent = notifications(&kms, "").await;
    let posted: Vec<Received> = received.iter().take(5).collect();
    let bodies: Vec<&Value> = posted.iter().map(|posted| &posted.body).collect();
    assert_eq!(bodies, [&sent[0], &sent[0], &sent[0], &sent[1], &sent[1]]);
    for header in [
        "POST /hook?token=t HTTP/1.1",
        "content-type: application/json",
        "Amazon/EventBridge/ApiDestinations",
    ] {
        assert!(
            posted[0].head.to_lowercase().contains(&header.to_lowercase()),
            "{header} in {}",
            posted[0].head
        );
    }
    all_removed(&kms);
}

/// Other errors are for good, and so is the last attempt; the logs have everything.
#[tokio::test]
async fn events_that_are_refused_or_given_up_hold_up_no_others() {
    let (url, received) = receiver(&[404, 302, 503, 503, 200]);
    let kms = kms_with(url, 2);
    for _ in 0..4 {
        rotate(&kms).await;
    }
    let sent = notifications(&kms, "").await;
    let posted: Vec<Value> = received.iter().take(5).map(|posted| posted.body).collect();
    assert_eq!(posted, [0, 1, 2, 2, 3].map(|at: usize| sent[at].clone()));
    all_removed(&kms);
    assert_eq!(service_events(&kms).await.len(), 4);
}

/// Nobody waits for a receiver that is not there, and what was not sent stays in the outbox.
#[tokio::test]
async fn a_receiver_that_is_gone_holds_up_neither_the_logs_nor_the_end() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let kms = kms_with(format!("http://{gone}/"), 185);
    rotate(&kms).await;
    assert_eq!((service_events(&kms).await.len(), notifications(&kms, "").await.len()), (1, 1));
    kms.service().stop().await;
    assert_eq!(kms.service().parts().engine.outbox().len(), 1);
}

#[test]
fn the_url_is_not_shown() {
    let webhook = Webhook { url: "https://hooks.example.com/secret".into(), attempts_max: 1 };
    let shown = format!("{webhook:?}");
    assert!(shown.contains("hooks.example.com") && !shown.contains("secret"), "{shown}");
}
