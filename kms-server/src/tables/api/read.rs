//! What there is: tables as descriptions show them, and what will happen to them.

use lifecycle::at_rest::{Engine, Refusal, TableName};
use lifecycle::clock::Timestamp;
use serde_json::{Value, json};

use super::{Fault, described};
use crate::observe::notifications::NotificationFilter;
use crate::service::Service;
use crate::tables::look;

/// `GET /_kms/tables`: every table of every account and Region.
pub(super) async fn list(service: &Service) -> Result<Value, Fault> {
    let tables = look(service, |engine, _| {
        let Some(engine) = engine else { return Ok(Vec::new()) };
        let mut names: Vec<&TableName> = engine.tables().map(|table| &table.name).collect();
        names.sort();
        names.into_iter().map(|name| table(engine, name)).collect::<Result<_, _>>()
    });
    Ok(json!({ "tables": tables.await?? }))
}

/// `GET /_kms/tables/{account}/{region}/{name}`: DescribeTable, with what only the emulator knows.
pub(super) async fn show(service: &Service, name: TableName) -> Result<Value, Fault> {
    let shown = look(service, move |engine, _| match engine.filter(|engine| engine.table(&name).is_some()) {
        Some(engine) => table(engine, &name),
        None => Err(Refusal::no_table(&name.name).into()),
    });
    Ok(json!({ "Table": shown.await?? }))
}

/// What one answer tells at most.
const TIMELINE_MAX: usize = 10_000;

/// `GET …/timeline`: what has happened to a table by itself since records are kept, in all its lives, and what will next.
pub(super) async fn timeline(service: &Service, name: TableName) -> Result<Value, Fault> {
    let arn = name.arn();
    let next = look(service, move |engine, _| {
        let engine = engine?;
        let (at, due) = engine.table(&name)?.due(engine.settings())?;
        Some(json!({ "at": at.to_string(), "event": format!("{due:?}") }))
    });
    let next = next.await?;
    let service = service.clone();
    service.parts().notifications.flush().await;
    let filter = NotificationFilter { key: Some(arn), limit: TIMELINE_MAX, ..NotificationFilter::default() };
    let read = tokio::task::spawn_blocking(move || service.parts().notifications.read(&filter));
    let unreadable = |error: &dyn std::fmt::Display| Fault::from(Refusal::internal(error.to_string()));
    let read = read.await.map_err(|error| unreadable(&error))?.map_err(|error| unreadable(&error))?;
    let told = read.iter().map(
        |event| json!({ "at": event["time"], "event": event["detail-type"], "detail": event["detail"] }),
    );
    Ok(json!({ "timeline": told.collect::<Vec<_>>(), "next": next }))
}

fn table(engine: &Engine, name: &TableName) -> Result<Value, Fault> {
    let missing = || Refusal::no_table(&name.name);
    let record = engine.table(name).ok_or_else(missing)?;
    let mut shown = described(name, &engine.describe(name).ok_or_else(missing)?)?;
    let health = &record.health;
    let due = record.due(engine.settings());
    let grants: Vec<Value> =
        record.grants.iter().map(|grant| json!({ "key": grant.key, "grant_id": grant.grant })).collect();
    let emulator = json!({
        "account": name.scope.account,
        "region": name.scope.region,
        "incarnation": record.incarnation,
        "generation": record.generation(),
        "created_at": record.created_at.to_string(),
        // Nobody but the emulator knows when the key was lost; AWS shows when that was found.
        "inaccessible_since": record.status.inaccessible_since().map(text),
        "key_lost_at": health.lost_at.map(text),
        "key_usable_at": health.usable_at.map(text),
        "next": due.map(|(at, due)| json!({ "at": at.to_string(), "event": format!("{due:?}") })),
        "grants": grants,
    });
    if let Some(members) = shown.as_object_mut() {
        members.insert("Emulator".to_owned(), emulator);
    }
    Ok(shown)
}

fn text(at: Timestamp) -> String {
    at.to_string()
}
