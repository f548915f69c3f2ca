//! One exchange: the request's body is read within bounds, the handler is called, its response goes out.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::{ConnectionType, Request, Response};
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Payload, RequestHead};
use actix_web::http::{Method, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use super::{Handler, Protocol, Refusal, convert};
use crate::message::{Connection, Reply as Answer, Transport};

/// What every worker knows: the handler and the counts of what is going on, which all share, and the bounds.
pub(super) struct Edge<H> {
    pub(super) handler: Arc<H>,
    pub(super) local: SocketAddr,
    pub(super) transport: Transport,
    pub(super) body_bytes_max: usize,
    pub(super) control_body_bytes_max: usize,
    pub(super) request_timeout: Duration,
    pub(super) traffic: Arc<Traffic>,
}

/// Counts of open connections and of requests whose response is not written yet.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    requests: AtomicUsize,
    connections: AtomicUsize,
    stopping: AtomicBool,
}

impl Traffic {
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Acquire)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    /// From here on new requests are refused.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Counts a connection for as long as the returned value lives.
    pub(super) fn connect(traffic: &Arc<Traffic>) -> Connected {
        traffic.connections.fetch_add(1, Ordering::AcqRel);
        Connected(Arc::clone(traffic))
    }
}

/// A connection that is counted, until it is dropped.
pub(super) struct Connected(Arc<Traffic>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request that is counted, until it is dropped: also when a future is cancelled or panics.
pub(super) struct Counted<H>(Rc<Edge<H>>);

impl<H> Counted<H> {
    fn new(edge: Rc<Edge<H>>) -> Self {
        edge.traffic.requests.fetch_add(1, Ordering::AcqRel);
        Counted(edge)
    }
}

impl<H> Drop for Counted<H> {
    fn drop(&mut self) {
        self.0.traffic.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<H> Clone for Edge<H> {
    fn clone(&self) -> Self {
        Edge { handler: Arc::clone(&self.handler), traffic: Arc::clone(&self.traffic), ..*self }
    }
}

impl<H: Handler> Edge<H> {
    /// Answers one request.
    // An `async fn` would keep its argument twice, in a future that is allocated for each request.
    #[expect(clippy::manual_async_fn, reason = "see above")]
    pub(super) fn exchange(edge: Rc<Self>, mut request: Request) -> impl Future<Output = Response<Reply<H>>> {
        async move {
            let counted = Counted::new(edge);
            let edge = &counted.0;
            let mut payload = request.take_payload();
            match edge.answer(request.head(), &mut payload).await {
                Ok(answer) => {
                    let (head, bytes) = convert::response(answer);
                    head.set_body(Reply { bytes, _unread: None, _counted: counted })
                }
                Err(refusal) => {
                    tracing::debug!(peer = ?request.head().peer_addr, ?refusal, "request refused at the edge");
                    edge.handler.refused(refusal.reason());
                    let response = refusal.into_response(protocol(request.head()));
                    let (mut head, bytes) = convert::response(Answer::Other(response));
                    head.head_mut().set_connection_type(ConnectionType::Close);
                    head.set_body(Reply { bytes, _unread: Some(payload), _counted: counted })
                }
            }
        }
    }

    async fn answer(&self, head: &RequestHead, payload: &mut Payload) -> Result<Answer, Refusal> {
        if self.traffic.stopping.load(Ordering::Acquire) {
            return Err(Refusal::Stopping);
        }
        let body = self.body(head, payload).await?;
        let connection = Connection { peer: head.peer_addr, local: self.local, transport: self.transport };
        let message = convert::message(head, &body, connection).ok_or(Refusal::BrokenHead)?;
        // Two small allocations are cheaper than a large one.
        Ok(Box::pin(self.handler.call(message)).await)
    }

    async fn body(&self, head: &RequestHead, payload: &mut Payload) -> Result<Bytes, Refusal> {
        if matches!(payload, Payload::None) || endless(head) {
            return Ok(Bytes::new());
        }
        let bytes_max = match head.uri.path().starts_with("/_kms/") {
            true => self.control_body_bytes_max,
            false => self.body_bytes_max,
        };
        let declared = content_length(head);
        if declared.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > bytes_max)) {
            return Err(Refusal::TooLarge { bytes_max });
        }
        let mut reading = pin!(read(payload, bytes_max));
        // The body of an AWS client arrives with the head, and actix hands it over when it is asked a second time: no
        // timer is made for it.
        let mut asked = false;
        let prompt = poll_fn(|context| match reading.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if asked => Poll::Ready(None),
            Poll::Pending => {
                asked = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        });
        if let Some(result) = prompt.await {
            return result;
        }
        match Box::pin(tokio::time::timeout(self.request_timeout, reading)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(Refusal::TooSlow { allowed: self.request_timeout }),
        }
    }
}

/// A tunnel or a protocol switch has no body to wait for: what follows its head never ends.
fn endless(head: &RequestHead) -> bool {
    let websocket = || {
        let upgrade = head.headers.get(header::UPGRADE);
        upgrade.is_some_and(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket"))
    };
    let framed = head.headers.contains_key(header::TRANSFER_ENCODING);
    !framed && (head.method == Method::CONNECT || websocket())
}

/// A form is a query to STS, unless a target says that it is for KMS; so is a URL that names an action.
fn protocol(head: &RequestHead) -> Protocol {
    let form = head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes().trim_ascii_start();
        let form = kind.get(..FORM.len()).is_some_and(|start| start.eq_ignore_ascii_case(FORM));
        form && matches!(kind.get(FORM.len()), None | Some(b';' | b' '))
    });
    let action =
        || head.uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("Action=")));
    let query = head.uri.path() == "/" && !head.headers.contains_key("x-amz-target") && (form || action());
    if query { Protocol::Query } else { Protocol::Json }
}

/// The content type of requests with parameters in their body.
const FORM: &[u8] = b"application/x-www-form-urlencoded";

fn content_length(head: &RequestHead) -> Option<u64> {
    head.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Reads a body to its end. A body in one piece, which is what an AWS client sends, is not copied.
async fn read(payload: &mut Payload, bytes_max: usize) -> Result<Bytes, Refusal> {
    let mut whole = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_broken| Refusal::BrokenBody)?;
        if chunk.len() > bytes_max - whole.len() - joined.len() {
            return Err(Refusal::TooLarge { bytes_max });
        }
        if whole.is_empty() && joined.is_empty() {
            whole = chunk;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut whole));
            joined.extend_from_slice(&chunk);
        }
    }
    Ok(if joined.is_empty() { whole } else { joined.freeze() })
}

/// The body of a response, and what lives exactly as long as it is being written.
pub(super) struct Reply<H> {
    bytes: Bytes,
    /// The rest of a refused request. While somebody holds it, actix closes the connection after the response and
    /// lingers a bounded time; when nobody does, it reads a chunked body to an end that may never come.
    _unread: Option<Payload>,
    _counted: Counted<H>,
}

impl<H> MessageBody for Reply<H> {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes.len() as u64)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let bytes = std::mem::take(&mut self.get_mut().bytes);
        Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
    }
}
