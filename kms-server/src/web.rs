//! temp
use crate::service::{Peer, Service};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;
use std::sync::Arc;

pub async fn serve(service: Service, port: u16) -> std::io::Result<()> {
    let data = Arc::new(service);
    let server = HttpServer::new(move || {
        let s = Arc::clone(&data);
        App::new().app_data(web::PayloadConfig::new(1 << 20)).default_service(web::to(
            move |r: HttpRequest, b: web::Bytes| {
                let s = Arc::clone(&s);
                async move { handle(&s, r, b).await }
            },
        ))
    })
    .bind_auto_h2c(("127.0.0.1", port))?;
    println!("ready http://{}", server.addrs()[0]);
    server.run().await
}

async fn handle(s: &Service, r: HttpRequest, b: web::Bytes) -> HttpResponse {
    let mut q = http::Request::new(b);
    *q.method_mut() = http::Method::from_bytes(r.method().as_str().as_bytes()).unwrap();
    *q.uri_mut() = r.uri().to_string().parse().unwrap();
    for (n, v) in r.headers() {
        q.headers_mut().append(
            http::HeaderName::from_bytes(n.as_str().as_bytes()).unwrap(),
            http::HeaderValue::from_bytes(v.as_bytes()).unwrap(),
        );
    }
    if let Some(p) = r.peer_addr() {
        q.extensions_mut().insert(Peer(p));
    }
    let x = s.call(q).await;
    let mut o = HttpResponse::build(actix_web::http::StatusCode::from_u16(x.status().as_u16()).unwrap());
    for (n, v) in x.headers() {
        o.append_header((n.as_str(), v.as_bytes()));
    }
    o.body(x.into_body())
}
