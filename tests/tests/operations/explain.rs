//! `/_kms/explain`: it says what a request gets, and why.

mod agreement;
mod cases;

use fixtures::{ACCOUNT, REGION, TestKms};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::wire::{Answer, control};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

async fn ask(kms: &TestKms, question: &Value) -> Answer {
    control(kms, Method::POST, "/_kms/explain", question.to_string()).await
}
