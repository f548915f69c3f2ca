fn main() {
    let b = kms_server::builder::Builder::new(Box::new(kms_server::store::MemoryStore::default()));
    actix_web::rt::System::new().block_on(async {
        kms_server::web::serve(b.build().unwrap(), 0).await.unwrap();
    });
}
