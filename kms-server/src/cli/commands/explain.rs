//! `kms-server explain`.

use http::Method;
use serde_json::Value;

use super::super::{ExitCode, ExplainArguments, Output};
use super::client::{Client, encode};
use super::{Failed, print, print_line};

/// Asks, and ends with a code that tells the decision.
pub(super) fn run(arguments: &ExplainArguments, client: &Client, output: Output) -> Result<ExitCode, Failed> {
    let answer = match &arguments.request {
        Some(id) => client.get(&format!("/_kms/explain?request={}", encode(id)), &[])?,
        None => {
            let question = arguments.question().map_err(Failed::usage)?;
            client.send(Method::POST, "/_kms/explain", &[], question.to_string().as_bytes())?
        }
    };
    match output {
        Output::Json => print_line(&answer)?,
        Output::Text => print(&told(&answer))?,
    }
    Ok(if text(&answer, "decision") == "allow" { ExitCode::Ok } else { ExitCode::Denied })
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// A table of what speaks for and against, and what follows from it.
fn told(answer: &Value) -> String {
    let (principal, action) = (text(answer, "principal"), text(answer, "action"));
    let resource = text(answer, "resource");
    let on = if resource == "*" { String::new() } else { format!(" on {resource}") };
    let reasons = answer.get("reasons").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut told = table(reasons);
    if text(answer, "decision") == "allow" {
        told.push_str(&format!("Allowed: {principal} may call {action}{on}.\n"));
        return told;
    }
    let because = match answer.get("explicit") {
        Some(Value::Bool(true)) => "a policy denies it",
        _ => "nothing allows it",
    };
    told.push_str(&format!("Denied: {principal} may not call {action}{on}, because {because}.\n"));
    for line in [text(answer, "missing"), text(answer, "message")] {
        if !line.is_empty() {
            told.push_str(&format!("{line}\n"));
        }
    }
    if answer.get("refused") == Some(&Value::Bool(false)) {
        told.push_str("The request was let through all the same, because policies were only logged.\n");
    }
    told
}

/// The reasons, one in a line, in columns as wide as they need to be; nothing if there are none.
fn table(reasons: &[Value]) -> String {
    if reasons.is_empty() {
        return String::new();
    }
    let head = ["EFFECT", "SOURCE", "POLICY", "STATEMENT", "NAMES"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(reasons.iter().map(row)).collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        table.push_str(cells.join("  ").trim_end());
        table.push('\n');
    }
    table.push('\n');
    table
}

fn row(reason: &Value) -> [String; 5] {
    let statement = match reason.get("statement") {
        Some(Value::String(sid)) => sid.clone(),
        Some(place) => place.to_string(),
        None => String::new(),
    };
    [
        text(reason, "effect").to_owned(),
        text(reason, "source").replace('-', " "),
        text(reason, "policy").to_owned(),
        statement,
        text(reason, "principal").to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_allow_is_a_table_and_a_sentence() {
        let answer = json!({
            "principal": "arn:aws:iam::111122223333:user/alice", "action": "kms:ListKeys", "resource": "*",
            "decision": "allow", "explicit": false,
            "reasons": [
                {"source": "service-control-policy", "policy": "p", "statement": 0, "effect": "Allow"},
                {"source": "identity-policy", "policy": "listing", "statement": "all of it", "effect": "Allow"},
            ],
        });
        let expected = "\
EFFECT  SOURCE                  POLICY   STATEMENT  NAMES
Allow   service control policy  p        0
Allow   identity policy         listing  all of it

Allowed: arn:aws:iam::111122223333:user/alice may call kms:ListKeys.
";
        assert_eq!(told(&answer), expected);
    }

    #[test]
    fn a_denial_says_what_is_missing_and_what_the_caller_gets() {
        let mut answer = json!({
            "principal": "logs.amazonaws.com", "action": "kms:Decrypt", "resource": "arn", "decision": "deny",
            "explicit": false, "missing": "Much.", "message": "User: …", "reasons": [],
        });
        let expected = "Denied: logs.amazonaws.com may not call kms:Decrypt on arn, because nothing allows it.\nMuch.\nUser: …\n";
        assert_eq!(told(&answer), expected);
        answer["explicit"] = true.into();
        answer["refused"] = false.into();
        answer["reasons"] =
            json!([{"source": "grant", "policy": "g", "principal": "own", "effect": "Allow"}]);
        let text = told(&answer);
        assert!(
            text.starts_with(
                "EFFECT  SOURCE  POLICY  STATEMENT  NAMES\nAllow   grant   g                  own\n\n"
            ),
            "{text}"
        );
        assert!(text.contains("because a policy denies it.") && text.contains("only logged"), "{text}");
    }
}
