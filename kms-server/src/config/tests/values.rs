use crate::config::access_key::owner;
use crate::config::*;
use lifecycle::ids::{AccountId, Region};
use proptest::prelude::*;
use std::time::Duration;

#[test]
fn durations() {
    let cases = [
        ("500ms", Some(500)),
        ("5s", Some(5_000)),
        ("5 s", Some(5_000)),
        ("2m", Some(120_000)),
        ("1h", Some(3_600_000)),
        ("1d", Some(86_400_000)),
        ("0s", Some(0)),
        ("", None),
        ("5", None),
        ("s", None),
        ("-5s", None),
        ("1.5s", None),
        ("5S", None),
        ("5sec", None),
        ("99999999999999999999s", None),
        ("18446744073709551615d", None),
    ];
    for (text, millis) in cases {
        assert_eq!(<Duration as Value>::parse(text), millis.map(Duration::from_millis), "{text}");
    }
    for (millis, text) in
        [(0, "0s"), (1, "1ms"), (1_000, "1s"), (90_000, "90s"), (7_200_000, "2h"), (172_800_000, "2d")]
    {
        assert_eq!(Duration::from_millis(millis).to_text(), text);
    }
}

#[test]
fn byte_sizes() {
    let cases = [
        ("0", Some(0)),
        ("4096", Some(4096)),
        ("4096B", Some(4096)),
        ("64KiB", Some(65_536)),
        ("1 MiB", Some(1 << 20)),
        ("1GiB", Some(1 << 30)),
        ("1KB", None),
        ("1mib", None),
        ("MiB", None),
        ("-1", None),
        ("18446744073709551615GiB", None),
    ];
    for (text, bytes) in cases {
        assert_eq!(ByteSize::parse(text), bytes.map(ByteSize::of_bytes), "{text}");
    }
    for (bytes, text) in [(0, "0B"), (1, "1B"), (1024, "1KiB"), (1 << 20, "1MiB"), (3 << 30, "3GiB")] {
        assert_eq!(ByteSize::of_bytes(bytes).to_string(), text);
    }
}

#[test]
fn accounts_and_regions() {
    for (text, valid) in [
        ("000000000000", true),
        ("11112222333", false),
        ("1111222233334", false),
        ("11112222333a", false),
        ("", false),
    ] {
        assert_eq!(AccountId::parse(text).is_some(), valid, "{text}");
    }
    let regions = [
        ("us-east-1", true),
        ("us-gov-west-1", true),
        ("ap-southeast-10", true),
        ("us-1", false),
        ("a-b-c-d-1", false),
        ("us-east-", false),
        ("us-east", false),
        ("US-EAST-1", false),
        ("us--1", false),
        ("", false),
        ("abcdefghijklmnop-qrstuvwxyzabcdef-1", false),
    ];
    for (text, valid) in regions {
        assert_eq!(Region::parse(text).is_some(), valid, "{text}");
    }
}

#[test]
fn owners_of_access_keys() {
    for root in ["111122223333", "arn:aws:iam::111122223333:root"] {
        assert_eq!(owner(root).unwrap().arn(), "arn:aws:iam::111122223333:root", "{root}");
    }
    for arn in [
        "arn:aws:iam::111122223333:user/alice",
        "arn:aws-cn:iam::111122223333:user/path/to/app,1",
        "arn:aws:sts::111122223333:assumed-role/app/session@x",
        "arn:aws-us-gov:sts::111122223333:federated-user/bob",
        "dynamodb.amazonaws.com",
    ] {
        assert_eq!(owner(arn).unwrap().arn(), arn);
    }
    for wrong in [
        "",
        "alice",
        "dynamodb",
        "dynamodb.example",
        "dynamodb.us-east-1.amazonaws.com",
        "arn:aws:iam::111122223333:",
        "arn:aws:iam::111122223333:user/",
        "arn:aws:iam::111122223333:user//a",
        "arn:aws:iam::111122223333:root/a",
        "arn:aws:iam::1111:user/a",
        "arn:aws:iam:us-east-1:111122223333:user/a",
        "arn:aws:s3::111122223333:user/a",
        "arn:aws:iam::111122223333:role/a",
        "arn:aws:sts::111122223333:role/a",
        "arn:moon:iam::111122223333:root",
        "arn:aws:iam::111122223333:user/a b",
        "xrn:aws:iam::111122223333:user/a",
    ] {
        assert_eq!(owner(wrong), None, "{wrong}");
    }
}

#[test]
fn access_keys_in_text() {
    for wrong in ["A", "A:s", "A:s:p", ":s:111122223333", "A::111122223333", "a-b:s:111122223333"] {
        assert!(AccessKeys::from_text(wrong).is_err(), "{wrong}");
    }
    assert_eq!(AccessKeys::from_text(" ").unwrap(), AccessKeys::default());
    let many = |count: usize| (0..count).map(|n| format!("K{n}:s:111122223333 ")).collect::<String>();
    assert_eq!(AccessKeys::from_text(&many(1_000)).unwrap().as_slice().len(), 1_000);
    let error = AccessKeys::from_text(&many(1_001)).unwrap_err();
    assert!(format!("{error:?}").contains("access key 1001: there are more than 1000 access keys"));
}

#[test]
fn moments() {
    assert!(<jiff::Timestamp as Value>::parse("2026-01-01T00:00:00+02:00").is_some());
    for wrong in ["2026-01-01", "2026-01-01T00:00:00", "now", ""] {
        assert!(<jiff::Timestamp as Value>::parse(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn log_filters() {
    for text in ["info", "off", "warn,kms_server=debug", "[call{key=1}]=trace"] {
        assert_eq!(LogFilter::parse(text).as_ref().map(LogFilter::as_str), Some(text));
    }
    for wrong in ["", "kms=loud", "warn, kms_server=debug", "\u{212a}=x", " a﷏K𐮙Ѩ𛅑𝓦K=ꬂ", &"a".repeat(1_025)]
    {
        assert_eq!(LogFilter::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn cron_expressions() {
    for text in ["0 * * * * *", "*/10 * * * * *", "0 30 9 * * Mon-Fri"] {
        assert_eq!(CronExpression::parse(text).as_ref().map(CronExpression::as_str), Some(text));
    }
    for wrong in ["", "* * * * *", "0 61 * * * *", "often", "0 * * * * *\n", &"*".repeat(257)] {
        assert_eq!(CronExpression::parse(wrong), None, "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_cron_expression_panics(text in "[ -~]{0,40}|([0-9*/,LW#?-]{1,6} ){5}[0-9*/,LW#?A-Za-z-]{1,6}") {
        let _ = CronExpression::parse(&text);
    }
    #[test]
    fn no_log_filter_panics(text in "[ -~]{0,60}|[a-z=,\\[\\]{}\" 0-9]{0,60}") {
        let _ = LogFilter::parse(&text);
    }
}
