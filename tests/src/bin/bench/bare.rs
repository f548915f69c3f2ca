//! The yardstick: an actix server that reads a body and answers with one of the size it is asked for.

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

pub(crate) fn serve() {
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(|| App::new().default_service(web::to(answer)))
            .bind(("127.0.0.1", 0))
            .expect("a free port");
        println!("ready http://{}", server.addrs()[0]);
        server.run().await.expect("the server runs");
    });
}

async fn answer(request: HttpRequest, body: web::Bytes) -> HttpResponse {
    assert!(!body.is_empty());
    let length =
        request.headers().get("x-reply-length").and_then(|length| length.to_str().ok()?.parse().ok());
    HttpResponse::Ok().content_type("application/x-amz-json-1.1").body(vec![b'x'; length.unwrap_or(0)])
}
