//! What must hold of any bytes: they are refused or read, printed and judged, within a budget.

use std::sync::Arc;

use lifecycle::authorize::{
    CrossAccount, IdentityPolicies, Inquiry, KeyPolicyRule, Named, Resource, Rules, decide,
};
use lifecycle::policy::{Budget, Context, Document, Kind, NamedPolicy, Principal, print};

/// What stands between a key policy, an identity policy and the lines of a context, `key=value`.
const BETWEEN: &str = "\n---\n";

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const CALLERS: [&str; 5] = [
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:sts::111122223333:assumed-role/app/s",
    "arn:aws:iam::444455556666:user/bob",
    "logs.us-east-1.amazonaws.com",
];

/// How far reading and judging got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Both policies were read.
    pub(crate) read: bool,
    /// One of the callers was allowed, or denied, or the budget did not last.
    pub(crate) allowed: bool,
    pub(crate) denied: bool,
    pub(crate) exceeded: bool,
}

/// Checks `bytes`.
///
/// # Panics
/// If a policy does not survive being printed, or if a judgement breaks its word.
pub(crate) fn check(bytes: &[u8]) -> Reached {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, BETWEEN);
    let mut next = || parts.next().unwrap_or_default();
    let (key, identity, facts) = (read(next(), Kind::KeyPolicy), read(next(), Kind::Identity), next());
    let (Some(key), Some(identity)) = (key, identity) else { return Reached::default() };
    let mut context = Context::new();
    for (name, value) in facts.lines().filter_map(|line| line.split_once('=')) {
        context.append(name, value);
    }
    let identity = NamedPolicy { name: "p".into(), document: Arc::new(identity) };
    let everywhere = IdentityPolicies {
        identity: vec![identity.clone()],
        boundary: Some(identity.clone()),
        session: Some(vec![identity.clone()]),
        service_control: Some(vec![vec![identity.clone()]]),
        ..IdentityPolicies::default()
    };
    let attached = IdentityPolicies { identity: vec![identity], ..IdentityPolicies::default() };
    let mut reached = Reached { read: true, ..Reached::default() };
    for caller in CALLERS {
        for identity in [&attached, &everywhere] {
            judge(caller, &key, identity, &context, &mut reached);
        }
    }
    reached
}

/// A policy, if it is one. What is printed of it must read the same and print the same.
fn read(text: &str, kind: Kind) -> Option<Document> {
    let printed = print(text);
    if let Some(printed) = &printed {
        assert_eq!(print(printed).as_ref(), Some(printed), "printing again changes it");
    }
    let document = Document::parse(text, kind).ok()?;
    let printed = printed.expect("a policy is JSON, which prints");
    assert_eq!(Document::parse(&printed, kind).as_ref(), Ok(&document), "printing changes the meaning");
    Some(document)
}

fn judge(
    caller: &str,
    key: &Document,
    identity: &IdentityPolicies,
    context: &Context,
    reached: &mut Reached,
) {
    const STEPS: u64 = 10_000;
    let inquiry = Inquiry {
        principal: &Principal::parse(caller).expect("the callers are principals"),
        action: "kms:Decrypt",
        resource: Resource::Key { arn: KEY, account: "111122223333", policy: key },
        context,
        identity,
        resource_control: &[],
        grants: &[],
        rules: Rules { key_policy: KeyPolicyRule::Counts, cross_account: CrossAccount::Allowed },
    };
    let mut budget = Budget::new(STEPS);
    match decide(&inquiry, &mut budget) {
        Ok(decision) => {
            reached.allowed |= decision.allowed();
            reached.denied |= !decision.allowed();
            let explanation = decision.explain(&inquiry, Named::Ciphertext);
            assert_eq!(explanation.message.is_none(), decision.allowed());
            serde_json::to_string(&explanation).expect("an explanation is JSON");
        }
        Err(error) => {
            assert_eq!(error.cap, STEPS);
            reached.exceeded = true;
        }
    }
    assert!(budget.used() <= STEPS, "more steps than allowed");
}
