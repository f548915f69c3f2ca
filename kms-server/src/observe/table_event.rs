//! What happens to a table, told as an event of EventBridge's shape.
//!
//! AWS tells of a lost key by a mail to the account, and of the rest not at all: these events are the emulator's own, so that
//! a program can wait for them. The one that stands for the mail says so.
//!
//! AWS: DynamoDB developer guide, "Encryption at rest: how it works".

use lifecycle::at_rest::{self, What};
use lifecycle::clock::Timestamp;
use lifecycle::event::{Fact, table_kind};
use serde_json::{Map, Value, json};

use super::json::Json;
use super::record::write_event_time;

/// The event, one line of JSON without its end. It has the id of the fact.
pub(super) fn eventbridge(fact: &Fact, table: &at_rest::Fact) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let json = &mut Json(&mut line);
    let scope = fact.scope();
    json.raw(r#"{"version":"0","id":"#).text(fact.id.id.as_str());
    json.raw(r#","detail-type":"#).text(&detail_type(&table.what));
    json.raw(r#","source":"aws.dynamodb","account":"#).text(scope.account.as_str());
    json.raw(r#","time":""#);
    write_event_time(fact.at, json);
    json.raw(r#"","region":"#).text(scope.region.as_str());
    json.raw(r#","resources":"#).value(&resources(table));
    json.raw(r#","detail":"#).value(&Value::Object(detail(table))).raw("}");
    Some(line)
}

/// `TableKeyInaccessible` is `DynamoDB Table Key Inaccessible`.
fn detail_type(what: &What) -> String {
    let mut text = "DynamoDB".to_owned();
    for letter in table_kind(what).chars() {
        if letter.is_ascii_uppercase() {
            text.push(' ');
        }
        text.push(letter);
    }
    text
}

fn resources(table: &at_rest::Fact) -> Value {
    let key = match &table.what {
        What::KeyInaccessible { key_arn, .. } | What::Switched { key_arn } => key_arn.as_ref(),
        What::GrantLeft { key_arn } => Some(key_arn),
        _ => None,
    };
    let arns = [Some(table.table.arn()), key.map(ToString::to_string)];
    arns.into_iter().flatten().collect()
}

fn detail(table: &at_rest::Fact) -> Map<String, Value> {
    let mut detail = Map::new();
    let mut add = |name: &str, value: Value| {
        detail.insert(name.to_owned(), value);
    };
    add("table-name", table.table.name.clone().into());
    add("table-id", table.incarnation.to_string().into());
    add("mail", table.what.is_mail().into());
    match &table.what {
        What::KeyInaccessible { key_arn, detected_at, archive_at } => {
            add("key-arn", json!(key_arn));
            add("detected-at", instant(*detected_at));
            add("archive-at", instant(*archive_at));
        }
        What::Switched { key_arn } => add("key-arn", json!(key_arn)),
        What::GrantLeft { key_arn } => add("key-arn", json!(key_arn)),
        What::Archived { backup_arn } | What::BackupExpired { backup_arn } => {
            add("backup-arn", backup_arn.clone().into());
        }
        What::ReplicaRemoved { region } => add("removed-region", region.as_str().into()),
        What::Created
        | What::Vanished
        | What::Deleted
        | What::Recovered
        | What::Archiving
        | What::RestoreFailed => {}
    }
    detail
}

fn instant(at: Timestamp) -> Value {
    at.to_string().into()
}
