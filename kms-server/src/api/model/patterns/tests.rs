use std::cell::Cell;

use proptest::prelude::*;
use proptest::string::string_regex;
use proptest::test_runner::{Config, TestRunner};
use regex::Regex;

use crate::api::model::OPERATIONS;
use crate::api::shape::{Output, Pattern, Shape, Structure};

#[test]
fn every_matcher_agrees_with_its_expression() {
    let patterns = patterns();
    assert_eq!(patterns.len(), 20);
    for pattern in patterns {
        let dialect = in_rust(pattern.printed);
        let expression = Regex::new(&format!(r"\A(?:{dialect})\z")).unwrap();
        let matching = || string_regex(&alternative(&dialect)).unwrap();
        let texts = prop_oneof![
            // What matches, what nearly matches, and everything else.
            matching(),
            (matching(), any::<prop::sample::Index>(), "\\PC|[\n -~]")
                .prop_map(|(text, index, change)| changed(&text, index, &change)),
            "[a-fA-Z0-9:/_. -]{0,20}",
            any::<String>(),
        ];
        let seen = [Cell::new(0), Cell::new(0)];
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(2_000) });
        let outcome = runner.run(&texts, |text| {
            let expected = expression.is_match(&text);
            seen[usize::from(expected)].update(|count| count + 1);
            prop_assert_eq!((pattern.matches)(&text), expected, "{} on {:?}", pattern.printed, text);
            Ok(())
        });
        if let Err(failure) = outcome {
            panic!("{failure}");
        }
        assert!(seen.iter().all(|count| count.get() >= 20), "{} saw {seen:?}", pattern.printed);
    }
}

#[test]
fn matches_and_does_not() {
    let cases: &[(&str, &str, bool)] = &[
        ("alias", "alias/a:b_c-9", true),
        ("alias", "alias/a.b", false),
        ("alias", "", false),
        ("cluster", "cluster-2345abcDEFG", true),
        ("cluster", "cluster-1345abcDEFG", false),
        ("cluster", "cluster-2345abcDEF", false),
        ("cluster", "cluster-2345abcDEFGhijklm", false),
        ("arn", "arn:aws:s3:::x", false),
        ("arn", "arn:aws-cn:s3::111122223333:bucket/a:b", true),
        ("arn", "arn:aws:s3:us-east-1:111122223333:a\nb", false),
        ("arn", "arn:aws:s3:us-east-1:111122223333:", false),
        ("region", "us-east-1", true),
        ("region", "us-gov-west-1", true),
        ("region", "us-1", false),
        ("region", "a-b-c-d-1", false),
        ("region", "us-east-", false),
        ("region", "us--1", false),
        ("service", "ec2.amazonaws.com", true),
        ("service", "amazonaws.com", false),
        ("service", "ec2..com", false),
        ("path", "/kms/xks/v1", true),
        ("path", "/example/kms/xks/v12", true),
        ("path", "//kms/xks/v1", false),
        ("path", "/a/kms/xks/v123", false),
        ("path", "x/kms/xks/v1", false),
        ("vpce", "com.amazonaws.vpce.us-east-1.vpce-svc-0a1b", true),
        ("vpce", "eu.amazonaws.vpce.eusc-de-east-1.vpce-svc-0", true),
        ("vpce", "com.amazonaws.vpce.us-east-1.vpce-svc-0.x", false),
        ("vpce", "org.amazonaws.vpce.us-east-1.vpce-svc-0", false),
        ("policy", "{\t\"ÿ\": 1}\r\n", true),
        ("policy", "Ā", false),
        ("policy", "\u{B}", false),
        ("marker", "", true),
        ("marker", "\n", false),
        ("description", "a b\t.\u{C}", true),
        ("description", "a,b", false),
    ];
    for (name, text, expected) in cases {
        let pattern = match *name {
            "alias" => &super::ALIAS_NAME,
            "cluster" => &super::CLOUD_HSM_CLUSTER_ID,
            "arn" => &super::GRANT_CONSTRAINT_SOURCE_ARN,
            "region" => &super::REGION,
            "service" => &super::SERVICE_PRINCIPAL,
            "path" => &super::XKS_PROXY_URI_PATH,
            "vpce" => &super::XKS_PROXY_VPC_ENDPOINT_SERVICE_NAME,
            "policy" => &super::POLICY,
            "marker" => &super::MARKER,
            "description" => &super::KEY_MATERIAL_DESCRIPTION,
            other => panic!("no pattern {other}"),
        };
        assert_eq!((pattern.matches)(text), *expected, "{name} {text:?}");
    }
}

/// Replaces one character of `text`, or appends when there is none.
fn changed(text: &str, index: prop::sample::Index, change: &str) -> String {
    let mut chars: Vec<String> = text.chars().map(String::from).collect();
    chars.push(String::new());
    let index = index.index(chars.len());
    chars[index] = change.to_owned();
    chars.concat()
}

/// One branch of a top-level alternative without its anchors: the generator knows no anchors.
fn alternative(dialect: &str) -> String {
    let branch = dialect.split("$|^").next().unwrap();
    branch.trim_start_matches('^').trim_end_matches('$').to_owned()
}

/// The same expression in the dialect of the `regex` crate, with Java's ASCII classes and line terminators.
fn in_rust(java: &str) -> String {
    let code_points = Regex::new(r"\\u([0-9A-F]{4})").unwrap().replace_all(java, r"\x{$1}").into_owned();
    code_points
        .replace(r"\w", "0-9A-Za-z_")
        .replace(r"\s", r" \t\n\x0B\x0C\r")
        .replace(r"\d", "[0-9]")
        .replace(r"\p{ASCII}", r"[\x00-\x7F]")
        .replace("0-9-_.", r"0-9_.\-")
        .replace(":.+$", r":[^\n\r\x{85}\x{2028}\x{2029}]+$")
}

/// Every distinct expression that the model uses.
fn patterns() -> Vec<&'static Pattern> {
    let mut found = Vec::new();
    for operation in OPERATIONS {
        in_structure(operation.input, &mut found);
        if let Output::Structure(output) = operation.output {
            in_structure(output, &mut found);
        }
    }
    found.sort_by_key(|pattern| std::ptr::from_ref(*pattern).addr());
    found.dedup_by(|a, b| std::ptr::eq(*a, *b));
    found
}

fn in_structure(structure: &'static Structure, found: &mut Vec<&'static Pattern>) {
    for member in structure.members {
        in_shape(member.shape, found);
    }
}

fn in_shape(shape: &'static Shape, found: &mut Vec<&'static Pattern>) {
    match shape {
        Shape::String(shape) => found.extend(shape.pattern),
        Shape::List { member, .. } => in_shape(member, found),
        Shape::Structure(structure) => in_structure(structure, found),
        _ => {}
    }
}
