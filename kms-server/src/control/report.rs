//! `GET /_kms/report`: what was used, by whom and of what, what AWS would have charged, and how near the quotas are.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use lifecycle::ids::Scope;
use lifecycle::key::KeyManager;
use lifecycle::state::View;
use serde_json::{Value, json};

use super::{Refusal, query};
use crate::limits::Limits;
use crate::quotas::RequestQuotas;
use crate::report::{
    Bill, Counted, Counts, FREE_REQUESTS, KEY_MONTH_USD, PRICED_ROTATIONS, PRICES_OF, PriceClass, bills,
};
use crate::service::Service;
use crate::tables;

/// Months of bills, unless `months` says otherwise.
const MONTHS_DEFAULT: usize = 12;

/// The most months in one answer.
const MONTHS_MAX: usize = 120;

/// Tells everything.
pub(super) async fn show(service: &Service, request: &Request<Bytes>) -> Result<Value, Refusal> {
    let mut months_max = MONTHS_DEFAULT;
    for (name, value) in query(request)? {
        if name != "months" {
            return Err(Refusal::bad_request(format!("{name} is no parameter; there is months")));
        }
        months_max =
            value.parse().ok().filter(|months| (1..=MONTHS_MAX).contains(months)).ok_or_else(|| {
                Refusal::bad_request(format!("months must be a number from 1 to {MONTHS_MAX}, not {value}"))
            })?;
    }
    let of_tables = tables::api::shown_report(service).await.map_err(Refusal::internal)?;
    let parts = service.parts();
    let snapshot = parts.engine.snapshot();
    let view = snapshot.state.at(snapshot.now());
    let counted = parts.tally.counted(snapshot.clock.epoch());
    let billed = bills(view, &parts.engine.departed().keys(), &counted, months_max);
    let billed: Vec<Value> = billed
        .iter()
        .map(|((month, account), bill)| described(&month.to_string(), account.as_str(), bill))
        .collect();
    Ok(json!({
        "now": view.now().to_string(),
        "counted_since": counted.since.map(|since| since.to_string()),
        "requests": requests(&counted),
        "requests_not_listed": counted.uncounted,
        "bills": billed,
        "prices": prices(),
        "tables": of_tables,
        "quotas": {
            "resources": resources(view, &parts.limits),
            "requests": request_quotas(&parts.request_quotas),
        },
    }))
}

/// Requests by principal, key and operation, over all months.
fn requests(counted: &Counted) -> Vec<Value> {
    let mut sums: BTreeMap<_, Counts> = BTreeMap::new();
    for ((principal, row), counts) in &counted.rows {
        let sum = sums.entry((row.scope, principal, row.key, row.operation)).or_default();
        sum.succeeded += counts.succeeded;
        sum.failed += counts.failed;
    }
    let shown = sums.into_iter().map(|((scope, principal, key, operation), counts)| {
        json!({
            "account": scope.account.as_str(),
            "region": scope.region.as_str(),
            "principal": principal,
            "key": key.map(|key| key.to_string()),
            "operation": operation,
            "succeeded": counts.succeeded,
            "failed": counts.failed,
        })
    });
    shown.collect()
}

fn described(month: &str, account: &str, bill: &Bill) -> Value {
    let requests = PriceClass::ALL.iter().filter_map(|row| {
        let count = *bill.requests.get(&row.class)?;
        let (charged, usd) = bill.charged(row);
        Some(json!({ "class": row.name, "requests": count, "charged": charged, "usd": rounded(usd) }))
    });
    json!({
        "month": month,
        "account": account,
        "keys": {
            "key_months": rounded(bill.keys.key_months),
            "rotation_months": rounded(bill.keys.rotation_months),
            "usd": rounded(bill.keys_usd()),
        },
        "requests": requests.collect::<Vec<_>>(),
        "free_requests": bill.free_requests(),
        "usd": rounded(bill.total_usd()),
    })
}

/// To a millionth: what lies beyond is the noise of sums.
fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

fn prices() -> Value {
    let requests = PriceClass::ALL.iter().map(|row| {
        json!({ "class": row.name, "usd_per_10000": row.usd_per_10_000, "in_free_tier": row.in_free_tier })
    });
    json!({
        "of": PRICES_OF,
        "currency": "USD",
        "key_month": KEY_MONTH_USD,
        "priced_rotations": PRICED_ROTATIONS,
        "free_requests_per_month": FREE_REQUESTS,
        "requests": requests.collect::<Vec<_>>(),
        "notes": [
            "A key is charged by time, and not from the moment on at which its deletion was scheduled.",
            "AWS managed keys cost nothing but their requests; AWS owned keys cost nothing.",
            "Requests are counted, and keys that are gone remembered, since the server started or everything was replaced.",
            "Requests that failed are not charged here; AWS does not publish whether they are.",
        ],
    })
}

/// Quotas of resources and what is used of them: for quotas of single keys, the key that uses most.
fn resources(view: View<'_>, limits: &Limits) -> Vec<Value> {
    let mut used: BTreeMap<Scope, [usize; 6]> = BTreeMap::new();
    for key in view.all_keys().filter(|key| key.manager == KeyManager::Customer) {
        let most = used.entry(key.arn.scope).or_default();
        let [keys, ..] = *most;
        let of_key = [
            keys + 1,
            view.aliases_of(key.arn, None).count(),
            view.grant_count(&key.arn),
            key.tags.len(),
            key.policy.as_str().len(),
            0,
        ];
        for (most, used) in most.iter_mut().zip(of_key) {
            *most = (*most).max(used);
        }
    }
    for store in view.all_custom_stores() {
        let [.., stores] = used.entry(store.arn.scope).or_default();
        *stores += 1;
    }
    let quotas = [
        ("keys", limits.keys_max),
        ("aliases of a key", limits.aliases_per_key_max),
        ("grants of a key", limits.grants_per_key_max),
        ("tags of a key", limits.tags_per_key_max),
        ("bytes of a key policy", limits.policy_bytes_max),
        ("custom key stores", limits.custom_key_stores_max),
    ];
    let rows = used.into_iter().flat_map(|(scope, used)| {
        quotas.into_iter().zip(used).map(move |((quota, limit), used)| {
            json!({
                "account": scope.account.as_str(),
                "region": scope.region.as_str(),
                "quota": quota,
                "used": used,
                "limit": limit,
            })
        })
    });
    rows.collect()
}

fn request_quotas(quotas: &RequestQuotas) -> Value {
    let used = quotas.used().into_iter().map(|used| {
        json!({
            "account": used.scope.account.as_str(),
            "region": used.scope.region.as_str(),
            "quota": used.quota.to_string(),
            "limit_per_second": rounded(used.per_second),
            "admitted": used.admitted,
            "throttled": used.throttled,
        })
    });
    json!({ "enforced_share": quotas.share(), "used": used.collect::<Vec<_>>() })
}
