//! `kms-server tables`.

use std::fmt::Write as _;

use http::Method;
use serde_json::{Value, json};

use super::super::{ExitCode, Output, TableArguments, TablesCommand};
use super::client::{Client, encode};
use super::report::{cell, dollars, rows, table};
use super::{Failed, print, print_line};

pub(super) fn run(command: &TablesCommand, client: &Client, output: Output) -> Result<ExitCode, Failed> {
    let (answer, told): (Value, fn(&Value) -> String) = match command {
        TablesCommand::List => (client.get("/_kms/tables", &[])?, listed),
        TablesCommand::Show { table } => (client.get(&path(table, ""), &[])?, shown),
        TablesCommand::Timeline { table } => (client.get(&path(table, "/timeline"), &[])?, timeline),
        TablesCommand::SwitchKey { table, target } => {
            let sse = match &target.kms {
                Some(key) => json!({ "Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": key }),
                None => json!({ "Enabled": target.managed }),
            };
            let body = json!({ "SSESpecification": sse }).to_string();
            (client.send(Method::PUT, &path(table, "/key"), &[], body.as_bytes())?, switched)
        }
        TablesCommand::Report => (client.get("/_kms/tables/report", &[])?, reported),
    };
    match output {
        Output::Json => print_line(&answer)?,
        Output::Text => print(&told(&answer))?,
    }
    Ok(ExitCode::Ok)
}

fn path(table: &TableArguments, rest: &str) -> String {
    let TableArguments { name, scope } = table;
    format!("/_kms/tables/{}/{}/{}{rest}", scope.account.as_str(), scope.region.as_str(), encode(name))
}

fn listed(answer: &Value) -> String {
    let members = [
        "/Emulator/account",
        "/Emulator/region",
        "/TableName",
        "/TableStatus",
        "/KeyKind",
        "/SSEDescription/KMSMasterKeyArn",
    ];
    let lines = rows(answer, "/tables").iter();
    let lines = lines.map(|row| members.iter().map(|member| cell(row, member)).collect());
    table(&["ACCOUNT", "REGION", "TABLE", "STATUS", "KEY KIND", "KEY"], lines)
}

fn shown(answer: &Value) -> String {
    let found = answer.get("Table").unwrap_or(&Value::Null);
    let mut lines = String::new();
    let mut line = |name: &str, pointer: &str| {
        let value = cell(found, pointer);
        if value != "-" {
            // Writing to a String cannot fail.
            let _ = writeln!(lines, "{name:20} {value}");
        }
    };
    line("table", "/TableArn");
    line("status", "/TableStatus");
    line("kind of key", "/KeyKind");
    line("key", "/SSEDescription/KMSMasterKeyArn");
    line("encryption", "/SSEDescription/Status");
    line("inaccessible since", "/Emulator/inaccessible_since");
    line("key lost", "/Emulator/key_lost_at");
    line("key usable again", "/Emulator/key_usable_at");
    line("archive", "/ArchivalSummary/ArchivalBackupArn");
    line("created", "/Emulator/created_at");
    line("incarnation", "/Emulator/incarnation");
    line("next", "/Emulator/next/event");
    line("at", "/Emulator/next/at");
    for replica in rows(found, "/Replicas") {
        let text = format!("{} {}", cell(replica, "/RegionName"), cell(replica, "/ReplicaStatus"));
        let _ = writeln!(lines, "{:20} {text}", "replica");
    }
    lines
}

fn timeline(answer: &Value) -> String {
    let lines = rows(answer, "/timeline").iter();
    let lines = lines.map(|row| vec![cell(row, "/at"), cell(row, "/event")]);
    let mut told = table(&["AT", "EVENT"], lines);
    if answer.get("next").is_some_and(|next| !next.is_null()) {
        let _ = writeln!(told, "next: {} at {}", cell(answer, "/next/event"), cell(answer, "/next/at"));
    }
    told
}

fn switched(answer: &Value) -> String {
    let key = cell(answer, "/Table/SSEDescription/KMSMasterKeyArn");
    let status = cell(answer, "/Table/SSEDescription/Status");
    format!("{}: encryption {status}, key {key}\n", cell(answer, "/Table/TableName"))
}

/// What the calls of tables to KMS cost, and would have with fewer or more connections.
pub(super) fn reported(answer: &Value) -> String {
    let lines = rows(answer, "/tables").iter().map(|row| {
        vec![
            cell(row, "/table"),
            cell(row, "/requests"),
            cell(row, "/kms_requests/total"),
            dollars(row, "/kms_requests/usd"),
            cell(row, "/reuse/with_one_connection"),
            cell(row, "/reuse/without_reuse"),
            dollars(row, "/reuse/without_reuse_usd"),
            cell(row, "/reuse/avoidable"),
        ]
    });
    let head =
        ["TABLE", "REQUESTS", "KMS CALLS", "USD", "ONE CONNECTION", "NO REUSE", "USD WITHOUT", "AVOIDABLE"];
    let mut told = table(&head, lines);
    for row in rows(answer, "/tables") {
        let connections = rows(row, "/connections").iter();
        let connections = connections.map(|connection| {
            let members = ["/connection", "/requests", "/kms_requests"];
            members.iter().map(|member| cell(connection, member)).collect()
        });
        let _ = write!(
            told,
            "\n{}\n{}",
            cell(row, "/table"),
            table(&["CONNECTION", "REQUESTS", "KMS CALLS"], connections)
        );
    }
    told
}
