//! What tables cost: calls to KMS by table and connection, as they were and as they would have been otherwise.
//!
//! AWS: DynamoDB developer guide, "DynamoDB encryption at rest: usage notes", on connections and the key cache.

use lifecycle::at_rest::{Calls, Prices, Refusal, TableName, Usage};
use serde_json::{Value, json};

use super::super::tally::{Count, OfTable};
use super::Fault;
use crate::service::Service;
use crate::tables::{look, requests};

/// `GET /_kms/tables/report`: since the start, or since all records were last replaced.
pub(super) async fn report(service: &Service) -> Result<Value, Fault> {
    Ok(shown_report(service).await?)
}

/// The report, also as a part of that of the whole server.
///
/// # Errors
/// The writer does not answer.
pub(crate) async fn shown_report(service: &Service) -> Result<Value, Refusal> {
    let calls =
        look(service, |engine, _| engine.map(|engine| engine.ledger().tables().clone()).unwrap_or_default());
    let (calls, requests) = (calls.await?, requests(service));
    let mut names: Vec<&TableName> = calls.keys().chain(requests.keys()).collect();
    names.sort();
    names.dedup();
    let nothing = (Calls::default(), OfTable::default());
    let each: Vec<Value> = names
        .iter()
        .map(|name| {
            table(name, calls.get(name).unwrap_or(&nothing.0), requests.get(name).unwrap_or(&nothing.1))
        })
        .collect();
    let all: u64 = calls.values().map(Calls::total).sum();
    Ok(json!({ "tables": each, "total": { "kms_requests": all, "usd": usd(all) } }))
}

fn table(name: &TableName, calls: &Calls, requests: &OfTable) -> Value {
    let Count { requests: asked, calls: caused } = requests.total();
    let shown = |count: &Count| json!({ "requests": count.requests, "kms_requests": count.calls });
    let connections = requests.connections.iter().map(|(connection, count)| {
        json!({ "connection": connection, "requests": count.requests, "kms_requests": count.calls })
    });
    let (total, avoidable) = (calls.total(), calls.avoidable());
    // Under an owned key nothing is ever called.
    let without = if total == 0 { 0 } else { (total + asked).saturating_sub(caused) };
    json!({
        "table": name.arn(),
        "requests": asked,
        "kms_requests": {
            "total": total,
            "failed": calls.failed,
            "by_operation": calls.by_reason,
            "usd": usd(total),
            // One event for each call, in the first copy of a trail for nothing.
            "trail_events": total,
        },
        "connections": connections.collect::<Vec<_>>(),
        "without_connection": shown(&requests.alone),
        "further_connections": shown(&requests.others),
        "reuse": {
            // Had every principal used one connection all the time.
            "with_one_connection": total.saturating_sub(avoidable),
            "with_one_connection_usd": usd(total.saturating_sub(avoidable)),
            // Had every request made a connection of its own.
            "without_reuse": without,
            "without_reuse_usd": usd(without),
            "avoidable": avoidable,
        },
    })
}

/// What calls cost without the free ones, which are those of a whole account.
///
/// AWS: "AWS KMS pricing".
fn usd(requests: u64) -> f64 {
    let prices = Prices { free_requests: 0, ..Prices::default() };
    let bill = prices.bill(&Usage { requests, ..Usage::default() });
    #[expect(clippy::cast_precision_loss, reason = "a sum of money in millionths")]
    let usd = bill.requests as f64 / 1_000_000.0;
    usd
}
