use std::io::ErrorKind;
use std::sync::mpsc;

use super::http2::Client2;
use super::*;

#[test]
fn stopping_drains_the_request_in_flight() {
    let (running, probe) = start(options());
    let address = running.address();
    let mut idle = Client::new(address);
    assert_eq!(idle.post("/echo", "{}").status, 200);
    let mut silent = Client::new(address);
    let mut busy = Client::new(address);
    busy.send("POST /gate HTTP/1.1\r\nHost: k\r\nContent-Length: 4\r\n\r\nbody");
    let mut busy2 = Client2::new(connect(address));
    busy2.post(1, "/gate", "two");
    probe.wait_for(2);

    let (ended, stopped) = mpsc::channel();
    std::thread::spawn(move || ended.send(stop(running, DEADLINE)));
    idle.assert_closed();
    assert_refused(address);
    assert!(stopped.try_recv().is_err(), "two requests are in flight");
    busy2.post(3, "/echo", "late");
    let late = busy2.stream(3);
    assert_eq!(late.status(), 503);
    assert_eq!(
        late.json(),
        json!({ "__type": "ServiceUnavailable", "message": "The server is shutting down." })
    );
    assert_eq!(*probe.refused.lock().unwrap(), [Refused::Stopping]);

    probe.gate.add_permits(2);
    let reply = busy.reply();
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    assert_eq!(reply.json()["body"], "body");
    assert_eq!(busy2.stream(1).json()["body"], "two");
    busy.assert_closed();
    assert_eq!(stopped.recv_timeout(DEADLINE).unwrap(), Stopped::Drained);
    silent.assert_closed();
    assert_eq!(probe.waiting.load(Ordering::SeqCst), 0);
}

/// A stopped server's port refuses connections; the listener closes a moment after the drain begins.
fn assert_refused(address: SocketAddr) {
    for _ in 0..2_000 {
        match TcpStream::connect(address) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    panic!("{address} still accepts");
}

#[test]
fn what_outlasts_the_grace_is_cut() {
    for grace in [Duration::ZERO, Duration::from_millis(200)] {
        let (running, probe) = start(options());
        let mut busy = Client::new(running.address());
        busy.send("GET /gate HTTP/1.1\r\nHost: k\r\n\r\n");
        probe.wait_for(1);
        assert_eq!(stop(running, grace), Stopped::Cut { requests: 1 });
        assert_eq!(probe.waiting.load(Ordering::SeqCst), 0, "the handler's future is gone");
        busy.assert_closed();
    }
}

#[test]
fn an_idle_server_stops_at_once() {
    let (running, _) = start(options());
    let address = running.address();
    assert_eq!(stop(running, DEADLINE), Stopped::Drained);
    assert_refused(address);
    // The port is free again.
    bind(Options { address, ..options() }).unwrap();
}

#[test]
fn dropping_a_server_stops_it() {
    let (running, probe) = start(options());
    let address = running.address();
    let mut busy = Client::new(address);
    busy.send("GET /gate HTTP/1.1\r\nHost: k\r\n\r\n");
    probe.wait_for(1);
    drop(running);
    busy.assert_closed();
    assert_refused(address);
    probe.wait_for(0);
    for _ in 0..2_000 {
        if Arc::strong_count(&probe) == 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the handler is still held");
}

#[test]
fn a_client_that_leaves_cancels_nothing_else() {
    let (running, probe) = start(options());
    let mut leaving = Client::new(running.address());
    leaving.send("GET /gate HTTP/1.1\r\nHost: k\r\n\r\n");
    let mut staying = Client::new(running.address());
    staying.send("GET /gate HTTP/1.1\r\nHost: k\r\n\r\n");
    probe.wait_for(2);
    drop(leaving);
    probe.gate.add_permits(2);
    assert_eq!(staying.reply().status, 200);
    assert_eq!(stop(running, DEADLINE), Stopped::Drained);
}

#[test]
fn a_running_server_has_not_failed() {
    let (mut running, _) = start(options());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let failed =
        runtime.block_on(async { tokio::time::timeout(Duration::from_millis(50), running.failed()).await });
    assert!(failed.is_err());
    assert_eq!(stop(running, DEADLINE), Stopped::Drained);
}
