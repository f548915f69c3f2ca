//! `kms-server report`.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::{ExitCode, Output, ReportArguments};
use super::client::Client;
use super::tables::reported;
use super::{Failed, print, print_line};

pub(super) fn run(arguments: &ReportArguments, client: &Client, output: Output) -> Result<ExitCode, Failed> {
    let answer = client.get(&format!("/_kms/report?months={}", arguments.months), &[])?;
    match output {
        Output::Json => print_line(&answer)?,
        Output::Text => print(&told(&answer))?,
    }
    Ok(ExitCode::Ok)
}

pub(super) fn rows<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A member as a cell of a table.
pub(super) fn cell(row: &Value, pointer: &str) -> String {
    match row.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

pub(super) fn dollars(row: &Value, pointer: &str) -> String {
    format!("{:.4}", row.pointer(pointer).and_then(Value::as_f64).unwrap_or_default())
}

/// Columns as wide as they need to be.
pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> =
        std::iter::once(head.iter().map(|name| (*name).to_owned()).collect()).chain(rows).collect();
    let mut widths = vec![0; head.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// Who asked for what, what it would have cost, how near the quotas are, and what tables ask of KMS.
fn told(answer: &Value) -> String {
    let mut told = match cell(answer, "/counted_since").as_str() {
        "-" => "No requests yet.\n".to_owned(),
        since => {
            let head = ["ACCOUNT", "REGION", "PRINCIPAL", "KEY", "OPERATION", "SUCCEEDED", "FAILED"];
            let members =
                ["/account", "/region", "/principal", "/key", "/operation", "/succeeded", "/failed"];
            let lines = rows(answer, "/requests").iter();
            let lines = lines.map(|row| members.iter().map(|member| cell(row, member)).collect());
            format!("Requests since {since}:\n{}", table(&head, lines))
        }
    };
    let uncounted = cell(answer, "/requests_not_listed");
    if uncounted != "0" {
        // Writing to a String cannot fail.
        let _ = writeln!(told, "{uncounted} more requests are of too many kinds to be listed.");
    }
    let _ = writeln!(
        told,
        "\nWhat AWS would have charged, in US dollars by the price list of {}, with {} requests a month free:",
        cell(answer, "/prices/of"),
        cell(answer, "/prices/free_requests_per_month")
    );
    let bills = rows(answer, "/bills").iter().map(|bill| {
        let requests: f64 = rows(bill, "/requests").iter().filter_map(|row| row.get("usd")?.as_f64()).sum();
        vec![
            cell(bill, "/month"),
            cell(bill, "/account"),
            cell(bill, "/keys/key_months"),
            cell(bill, "/keys/rotation_months"),
            dollars(bill, "/keys/usd"),
            format!("{requests:.4}"),
            dollars(bill, "/usd"),
        ]
    });
    let head = ["MONTH", "ACCOUNT", "KEY MONTHS", "ROTATION MONTHS", "KEYS", "REQUESTS", "TOTAL"];
    told.push_str(&table(&head, bills));
    for note in rows(answer, "/prices/notes").iter().filter_map(Value::as_str) {
        let _ = writeln!(told, "{note}");
    }
    let resources = rows(answer, "/quotas/resources").iter();
    let quotas = resources.map(|row| (row, cell(row, "/used"), cell(row, "/limit")));
    let requests = rows(answer, "/quotas/requests/used").iter().map(|row| {
        let used = format!("{} throttled of {}", cell(row, "/throttled"), total(row));
        (row, used, format!("{} a second", cell(row, "/limit_per_second")))
    });
    let lines = quotas.chain(requests);
    let lines = lines.map(|(row, used, limit)| {
        vec![cell(row, "/account"), cell(row, "/region"), cell(row, "/quota"), used, limit]
    });
    told.push_str("\nQuotas:\n");
    told.push_str(&table(&["ACCOUNT", "REGION", "QUOTA", "USED", "LIMIT"], lines));
    match answer.pointer("/quotas/requests/enforced_share").and_then(Value::as_f64) {
        None => told.push_str("Request quotas are not enforced: limits.request_quota_share is 0.\n"),
        Some(share) => {
            let _ = writeln!(told, "Request quotas are enforced at {share} of AWS's.");
        }
    }
    if let Some(tables) = answer.get("tables").filter(|tables| !rows(tables, "/tables").is_empty()) {
        let _ = write!(told, "\nTables:\n{}", reported(tables));
    }
    told
}

fn total(row: &Value) -> u64 {
    ["admitted", "throttled"].iter().filter_map(|name| row.get(*name)?.as_u64()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_is_three_tables() {
        let answer = json!({
            "counted_since": "2026-01-01T00:00:00.000Z",
            "requests": [{"account": "1", "region": "r", "principal": "p", "key": null, "operation": "ListKeys",
                          "succeeded": 2, "failed": 1}],
            "requests_not_listed": 3,
            "bills": [{"month": "2026-01", "account": "1", "keys": {"key_months": 1.0, "rotation_months": 0.5, "usd": 1.5},
                       "requests": [{"class": "symmetric", "requests": 2, "charged": 0, "usd": 0.0}], "usd": 1.5}],
            "prices": {"of": "2024-05", "free_requests_per_month": 20000, "notes": ["A note."]},
            "quotas": {
                "resources": [{"account": "1", "region": "r", "quota": "keys", "used": 1, "limit": 100}],
                "requests": {"enforced_share": 0.5, "used": [
                    {"account": "1", "region": "r", "quota": "CreateKey", "limit_per_second": 2.5, "admitted": 2,
                     "throttled": 3}]},
            },
        });
        let expected = "\
Requests since 2026-01-01T00:00:00.000Z:
ACCOUNT  REGION  PRINCIPAL  KEY  OPERATION  SUCCEEDED  FAILED
1        r       p          -    ListKeys   2          1
3 more requests are of too many kinds to be listed.

What AWS would have charged, in US dollars by the price list of 2024-05, with 20000 requests a month free:
MONTH    ACCOUNT  KEY MONTHS  ROTATION MONTHS  KEYS    REQUESTS  TOTAL
2026-01  1        1.0         0.5              1.5000  0.0000    1.5000
A note.

Quotas:
ACCOUNT  REGION  QUOTA      USED              LIMIT
1        r       keys       1                 100
1        r       CreateKey  3 throttled of 5  2.5 a second
Request quotas are enforced at 0.5 of AWS's.
";
        assert_eq!(told(&answer), expected);
        let tables = json!([{
            "table": "t", "requests": 9, "kms_requests": {"total": 4, "usd": 0.0},
            "connections": [{"connection": 7, "requests": 5, "kms_requests": 2}],
            "reuse": {"with_one_connection": 3, "without_reuse": 11, "without_reuse_usd": 0.0, "avoidable": 1},
        }]);
        let with_tables = told(&json!({"requests_not_listed": 0, "tables": {"tables": tables}}));
        assert!(
            with_tables.ends_with(
                "\
            \nTables:\n\
            TABLE  REQUESTS  KMS CALLS  USD     ONE CONNECTION  NO REUSE  USD WITHOUT  AVOIDABLE\n\
            t      9         4          0.0000  3               11        0.0000       1\n\
            \nt\nCONNECTION  REQUESTS  KMS CALLS\n7           5         2\n"
            ),
            "{with_tables}"
        );
        let empty = told(&json!({"requests_not_listed": 0}));
        assert!(empty.starts_with("No requests yet.\n") && empty.contains("are not enforced"), "{empty}");
    }
}
