//! `GET /_kms/metrics`: counters and gauges in Prometheus's text format.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use lifecycle::due::Event;
use lifecycle::ids::KeyArn;

use crate::engine::Snapshot;
use crate::report::Counted;
use crate::service::Service;

/// Everything there is to measure.
pub(super) fn show(service: &Service) -> Response<Bytes> {
    let parts = service.parts();
    let snapshot = parts.engine.snapshot();
    let mut text = parts.metrics.render(snapshot.state.key_count(), snapshot.version);
    add_successes(&mut text, &parts.tally.counted(snapshot.clock.epoch()));
    add_expirations(&snapshot, &mut text);
    add_quotas(service, &mut text);
    add_faults(service, &mut text);
    let mut response = Response::new(Bytes::from(text));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

// Writing to a String cannot fail.
fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// AWS: KMS developer guide, "Monitoring KMS keys with Amazon CloudWatch": SuccessfulRequest.
fn add_successes(text: &mut String, counted: &Counted) {
    let mut sums: BTreeMap<(KeyArn, &str), u64> = BTreeMap::new();
    for ((_, row), counts) in &counted.rows {
        if let Some(key) = row.key.filter(|_| counts.succeeded > 0) {
            *sums.entry((key, row.operation)).or_default() += counts.succeeded;
        }
    }
    let name = "kms_successful_requests_total";
    head(
        text,
        name,
        "counter",
        "Requests that succeeded, by key and operation: CloudWatch's SuccessfulRequest.",
    );
    for ((key, operation), count) in sums {
        let _ = writeln!(text, "{name}{{key_arn=\"{key}\",operation=\"{operation}\"}} {count}");
    }
}

/// AWS: KMS developer guide, "Monitoring KMS keys with Amazon CloudWatch": SecondsUntilKeyMaterialExpiration.
fn add_expirations(snapshot: &Snapshot, text: &mut String) {
    let name = "kms_seconds_until_key_material_expiration";
    head(
        text,
        name,
        "gauge",
        "Seconds until the first of a key's imported materials expires: CloudWatch's SecondsUntilKeyMaterialExpiration.",
    );
    let now = snapshot.now();
    let mut seen = BTreeSet::new();
    // The soonest comes first.
    for due in snapshot.state.due().filter(|due| due.at > now) {
        if let Event::DeleteExpiredKeyMaterial(key, _) = due.event
            && seen.insert(key)
        {
            let left = due.at.0.saturating_sub(now.0) / 1_000;
            let _ = writeln!(text, "{name}{{key_arn=\"{key}\"}} {left}");
        }
    }
}

fn add_quotas(service: &Service, text: &mut String) {
    let name = "kms_throttled_requests_total";
    head(text, name, "counter", "Requests beyond a request quota, by account, Region and quota.");
    for used in service.parts().request_quotas.used().into_iter().filter(|used| used.throttled > 0) {
        let (scope, quota, throttled) = (used.scope, used.quota, used.throttled);
        let _ = writeln!(
            text,
            "{name}{{account=\"{}\",region=\"{}\",quota=\"{quota}\"}} {throttled}",
            scope.account, scope.region
        );
    }
}

fn add_faults(service: &Service, text: &mut String) {
    let faults = &service.parts().faults;
    head(text, "kms_faults", "gauge", "Faults that are injected.");
    let _ = writeln!(text, "kms_faults {}", faults.len());
    let name = "kms_faults_struck_total";
    head(text, name, "counter", "Requests that a fault has struck, by what became of them.");
    for (kind, count) in faults.counts() {
        let _ = writeln!(text, "{name}{{kind=\"{kind}\"}} {count}");
    }
}
