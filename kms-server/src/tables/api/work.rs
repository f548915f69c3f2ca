//! Work that time brings: what of a stream and of expired items is to go, and the tasks of the store.

use lifecycle::at_rest::{Access, Caller, Engine, Input, Operation, Structure, TableName, Task};
use lifecycle::clock::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Fault, read_body};
use crate::service::Service;
use crate::tables::{ask, capability, look};

/// `GET …/stream`: records that were made at the horizon or before are gone.
pub(super) async fn stream(service: &Service, table: TableName) -> Result<Value, Fault> {
    let missing = Operation::DescribeStream;
    let horizon = look(service, move |engine, now| {
        let engine = engine.filter(|engine| engine.table(&table).is_some());
        engine.map(|engine| engine.stream_horizon(now)).ok_or(table)
    });
    match horizon.await? {
        Ok(horizon) => Ok(json!({ "horizon": horizon.to_string() })),
        Err(table) => Err(Fault::bad_request(format!("{missing:?}: there is no table {}", table.arn()))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expiries {
    /// Instants such as `2026-01-01T00:00:00Z`.
    expires_at: Vec<String>,
}

/// `POST …/ttl`: which items time to live removes now, by the instants at which they expire. Refused while the service may
/// not remove any.
pub(super) async fn expired(service: &Service, table: TableName, body: &[u8]) -> Result<Value, Fault> {
    let Expiries { expires_at } = read_body(body)?;
    let records_max = service.parts().tables.options().records_max;
    if expires_at.len() > records_max {
        return Err(Fault::bad_request(format!("at most {records_max} items in one call")));
    }
    let instant = |text: &String| {
        let read = text.parse::<jiff::Timestamp>().map(|at| Timestamp(at.as_millisecond()));
        read.map_err(|_| Fault::bad_request(format!("{text:?} is no instant such as 2030-01-01T00:00:00Z")))
    };
    let instants: Vec<Timestamp> = expires_at.iter().map(instant).collect::<Result<_, _>>()?;
    let due = look(service, move |engine, now| {
        let is_due = |at: &Timestamp| engine.is_some_and(|engine| engine.is_expired(*at, now));
        instants.iter().map(is_due).collect::<Vec<bool>>()
    });
    let due = due.await?;
    if due.contains(&true) {
        let caller = Caller::root(table.scope.account);
        let (operation, structure) = (Operation::TtlDelete, Structure::Base);
        ask(service, Input::Access(Access { table, caller, connection: None, operation, structure })).await?;
    }
    Ok(json!({ "remove": due }))
}

/// `GET /_kms/tables/tasks`: what stores have to do, oldest first.
pub(super) async fn tasks(service: &Service) -> Result<Value, Fault> {
    let tasks = look(service, |engine, _| {
        let tasks = engine.into_iter().flat_map(Engine::tasks).map(shown);
        tasks.collect::<Result<Vec<Value>, serde_json::Error>>()
    });
    let tasks = tasks
        .await?
        .map_err(|error| Fault::from(lifecycle::at_rest::Refusal::internal(error.to_string())))?;
    Ok(json!({ "tasks": tasks }))
}

fn shown(task: &Task) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(task)?;
    if let Some(members) = value.as_object_mut() {
        members.insert("table_arn".to_owned(), task.table.arn().into());
        members.insert("capability".to_owned(), capability(&task.work).into());
    }
    Ok(value)
}

/// `POST /_kms/tables/tasks/{id}`: a store has done a task.
pub(super) async fn done(service: &Service, id: &str) -> Result<Value, Fault> {
    let id = id.parse().map_err(|_| Fault::bad_request(format!("{id} is no number of a task")))?;
    let there =
        look(service, move |engine, _| engine.is_some_and(|engine| engine.tasks().any(|task| task.id == id)));
    if !there.await? {
        return Err(Fault::Call(http::StatusCode::NOT_FOUND, format!("there is no task {id}")));
    }
    ask(service, Input::TaskDone { id }).await?;
    Ok(json!({ "done": id }))
}
