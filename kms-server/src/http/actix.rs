//! The server: one listening socket, HTTP/1.1 and HTTP/2 on it, in clear text or over TLS, on actix's workers.
//!
//! It runs on threads of its own, so it serves whatever runtime, or none, its owner uses. Signals are the owner's:
//! [`terminated`] waits for them and [`Running::stop`] drains, so that the owner decides what stops in which order.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_http::Request;
use actix_web::dev::{Server, fn_service};
use actix_web::rt::net::TcpSocket;
use actix_web::{Error, HttpServer};
use rustls::ServerConfig;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::exchange::{Edge, Traffic};
use super::{Handler, Transport};

/// Connections that the kernel completes ahead of `accept`; the usual 128 overflows when a test suite starts.
const BACKLOG: u32 = 1_024;

/// How long a client may keep sending after a refusal before the connection is cut.
const LINGER: Duration = Duration::from_secs(1);

/// How long a connection without requests may stay open at the end of a drain: its last bytes may be on the way.
const SETTLE: Duration = Duration::from_secs(1);

/// How often a drain looks at the counts.
const DRAIN_TICK: Duration = Duration::from_millis(5);

/// Where a server listens and what it allows.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// Serves HTTPS when given, as [`super::tls`] makes it; ALPN offers `h2` and `http/1.1`.
    pub tls: Option<ServerConfig>,
    /// Threads that serve requests; 0 starts one per core.
    pub workers: usize,
    /// Connections open at once, rounded up to a multiple of the workers; more wait to be accepted.
    pub connections_max: usize,
    /// Bytes of a request body; more is answered with `RequestEntityTooLargeException`.
    pub body_bytes_max: usize,
    /// The same below `/_kms/`, where whole states are imported.
    pub control_body_bytes_max: usize,
    /// How long a client may take for the TLS handshake, for the first request's head, and for each body.
    pub request_timeout: Duration,
    /// How long an idle HTTP/1.1 connection stays open, and how often an HTTP/2 one is asked for a sign of life.
    pub keep_alive: Duration,
}

/// A socket that listens and does not answer yet: connections queue until [`Bound::serve`].
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    options: Options,
}

/// A running server. Dropping it stops the server at once, without a drain.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    transport: Transport,
    stop: oneshot::Sender<Duration>,
    ended: Option<oneshot::Receiver<io::Result<Stopped>>>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every request had its response.
    Drained,
    /// The grace ended first.
    Cut {
        /// Requests that got no response.
        requests: usize,
    },
}

/// Binds the address.
///
/// # Errors
/// The address is taken, not this machine's, or not allowed; the text names it.
pub fn bind(options: Options) -> io::Result<Bound> {
    let wanted = options.address;
    let named =
        |source: io::Error| io::Error::new(source.kind(), format!("cannot listen on {wanted}: {source}"));
    let listener = listen(wanted).map_err(named)?;
    let address = listener.local_addr().map_err(named)?;
    Ok(Bound { listener, address, options })
}

/// The standard library fixes the backlog at 128, and tokio, which does not, wants its reactor: hence the thread.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listening = thread::Builder::new().name("kms-bind".to_owned()).spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let _entered = runtime.enter();
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // On Windows the option would let two servers share the port.
        #[cfg(not(windows))]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)?.into_std()
    })?;
    listening.join().map_err(|_panic| io::Error::other("the binding thread panicked"))?
}

impl Bound {
    /// The bound address, with the port that was picked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts answering.
    ///
    /// # Errors
    /// The system gives no thread. Whatever fails later is told by [`Running::failed`].
    pub fn serve<H: Handler>(self, handler: Arc<H>) -> io::Result<Running> {
        let Bound { listener, address, options } = self;
        let transport = if options.tls.is_some() { Transport::Tls } else { Transport::Plain };
        let edge = Edge {
            handler,
            local: address,
            transport,
            body_bytes_max: options.body_bytes_max,
            control_body_bytes_max: options.control_body_bytes_max,
            request_timeout: options.request_timeout,
            traffic: Arc::default(),
        };
        let (stop, stopped) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        thread::Builder::new().name("kms-http".to_owned()).spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            let result = runtime.and_then(|runtime| runtime.block_on(run(listener, options, edge, stopped)));
            // Nobody listens any more after a drop of `Running`.
            let _ = ending.send(result);
        })?;
        Ok(Running { address, transport, stop, ended: Some(ended) })
    }
}

impl Running {
    /// The address the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL a client uses: `http://127.0.0.1:4566`. The address is the bound one, also when that is 0.0.0.0.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.transport.scheme(), self.address)
    }

    /// Waits for as long as the server runs; the error says why it stopped by itself.
    pub async fn failed(&mut self) -> io::Error {
        let error = match self.ended.as_mut() {
            Some(ended) => ended.await.map_or_else(io::Error::other, |result| match result {
                Ok(_) => io::Error::other("the server stopped"),
                Err(error) => error,
            }),
            None => io::Error::other("the server has already stopped"),
        };
        self.ended = None;
        error
    }

    /// Stops: no new connection is accepted, idle ones are closed, new requests on HTTP/2 connections get
    /// `ServiceUnavailable`, and requests in flight have `grace` to end before they are cut.
    ///
    /// # Errors
    /// The server had failed before.
    pub async fn stop(self, grace: Duration) -> io::Result<Stopped> {
        // A server that has failed receives nothing; its error is read below.
        let _ = self.stop.send(grace);
        match self.ended {
            Some(ended) => ended.await.map_err(io::Error::other)?,
            None => Err(io::Error::other("the server has already stopped")),
        }
    }
}

/// Waits for Ctrl-C or, on Unix, SIGTERM, and names what came.
///
/// # Errors
/// The system refuses a signal handler.
pub async fn terminated() -> io::Result<&'static str> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result.map(|()| "SIGINT"),
            _ = terminate.recv() => Ok("SIGTERM"),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map(|()| "Ctrl-C")
}

async fn run<H: Handler>(
    listener: TcpListener,
    options: Options,
    edge: Edge<H>,
    stopped: oneshot::Receiver<Duration>,
) -> io::Result<Stopped> {
    let traffic = Arc::clone(&edge.traffic);
    let outcome = {
        let server = server(listener, options, edge)?;
        let handle = server.handle();
        let mut server = pin!(server);
        let grace = tokio::select! {
            result = &mut server => {
                return Err(result.err().unwrap_or_else(|| io::Error::other("the server stopped by itself")));
            }
            grace = stopped => grace.unwrap_or(Duration::ZERO),
        };
        traffic.stop();
        // The command is on its way once the future exists; waiting for it would wait for idle HTTP/2 connections.
        drop(handle.stop(true));
        tokio::select! {
            result = &mut server => result.map(|()| Stopped::Drained),
            outcome = drain(&traffic, grace) => Ok(outcome),
        }
        // Leaving the block drops the server, which ends its workers by force.
    };
    let gone = async { until(|| traffic.connections() == 0).await };
    // A handler that computes cannot be interrupted; it may outlive the answer.
    let _ = timeout(SETTLE, gone).await;
    outcome
}

/// Waits for the responses of all requests, and a while for connections to close.
async fn drain(traffic: &Traffic, grace: Duration) -> Stopped {
    if timeout(grace, until(|| traffic.requests() == 0)).await.is_err() {
        return Stopped::Cut { requests: traffic.requests() };
    }
    let _ = timeout(grace.min(SETTLE), until(|| traffic.connections() == 0)).await;
    Stopped::Drained
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        sleep(DRAIN_TICK).await;
    }
}

fn server<H: Handler>(listener: TcpListener, options: Options, edge: Edge<H>) -> io::Result<Server> {
    let workers = match options.workers {
        0 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
        some => some,
    };
    let traffic = Arc::clone(&edge.traffic);
    let server = HttpServer::new(move || {
        // Each worker counts its own references.
        let edge = Rc::new(edge.clone());
        // One handler answers everything: an `App` with its routes and extractors would be in its way.
        fn_service(move |request: Request| {
            let answered = Edge::exchange(Rc::clone(&edge), request);
            async move { Ok::<_, Error>(answered.await) }
        })
    })
    .workers(workers)
    .max_connections(options.connections_max.div_ceil(workers).max(1))
    .keep_alive(options.keep_alive)
    .client_request_timeout(options.request_timeout)
    .client_disconnect_timeout(LINGER)
    .tls_handshake_timeout(options.request_timeout)
    .tcp_nodelay(true)
    .disable_signals()
    // `run` bounds the shutdown itself, to the millisecond.
    .shutdown_timeout(u64::from(u32::MAX))
    .on_connect(move |_, extensions| {
        extensions.insert(Traffic::connect(&traffic));
    });
    let server = match options.tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen_auto_h2c(listener)?,
    };
    Ok(server.run())
}
