//! What holds of every authorisation decision, over generated policies.

#![cfg(test)]

use std::sync::Arc;

use lifecycle::authorize::{
    CrossAccount, Decision, GrantAllow, IdentityPolicies, Inquiry, KeyPolicyRule, Named, Resource, Rules,
    Source, absent, decide,
};
use lifecycle::policy::{
    Budget, BudgetExceeded, Context, Document, Effect, Kind, NamedPolicy, Principal, PrincipalMatch,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const USER: &str = "arn:aws:iam::111122223333:user/alice";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/s";
const FOREIGN: &str = "arn:aws:iam::444455556666:user/bob";

/// A request with its policies as lists of statements. An empty list is no policy, but for the key.
#[derive(Debug, Clone)]
struct Request {
    caller: &'static str,
    everything: bool,
    key: Vec<Value>,
    /// Identity, boundary, session, service control.
    attached: [Vec<Value>; 4],
    /// Resource control, VPC endpoint.
    with_principals: [Vec<Value>; 2],
    grants: Vec<PrincipalMatch>,
    rules: Rules,
    tag: Option<&'static str>,
}

fn statement(principals: bool, effect: impl Strategy<Value = &'static str>) -> impl Strategy<Value = Value> {
    let action = select(vec!["*", "kms:*", "kms:Decrypt", "kms:De?rypt", "kms:Encrypt"]);
    let resource = select(vec!["*", KEY, "arn:aws:kms:*:${aws:PrincipalTag/team}:key/*"]);
    let condition = select(vec![
        json!({}),
        json!({}),
        json!({"StringEquals": {"aws:PrincipalTag/team": "a"}}),
        json!({"StringNotLike": {"aws:PrincipalTag/team": ["b*", "${aws:PrincipalTag/team}"]}}),
        json!({"Null": {"aws:PrincipalTag/team": "true"}}),
    ]);
    let names = select(vec![ROOT, USER, SESSION, FOREIGN, "*", "arn:aws:iam::111122223333:role/app"]);
    (effect, action, resource, condition, names, prop::bool::weighted(0.1)).prop_map(
        move |(effect, action, resource, condition, names, not)| {
            let mut statement =
                json!({"Effect": effect, "Action": action, "Resource": resource, "Condition": condition});
            if principals {
                statement[if not { "NotPrincipal" } else { "Principal" }] = json!({"AWS": names});
            }
            statement
        },
    )
}

fn statements(principals: bool) -> impl Strategy<Value = Vec<Value>> {
    let effect = prop_oneof![8 => Just("Allow"), 1 => Just("Deny")];
    prop::collection::vec(statement(principals, effect), 0..3)
}

fn requests() -> impl Strategy<Value = Request> {
    let rules = (
        select(vec![
            KeyPolicyRule::Counts,
            KeyPolicyRule::Counts,
            KeyPolicyRule::IamOnly,
            KeyPolicyRule::NoEffect,
        ]),
        select(vec![CrossAccount::Allowed, CrossAccount::Allowed, CrossAccount::Never]),
    );
    let callers = select(vec![ROOT, USER, SESSION, FOREIGN, "logs.amazonaws.com"]);
    let grants = select(vec![PrincipalMatch::Account, PrincipalMatch::Role, PrincipalMatch::Own]);
    (
        (callers, any::<bool>()),
        statements(true),
        [statements(false), statements(false), statements(false), statements(false)],
        [statements(true), statements(true)],
        prop::collection::vec(grants, 0..3),
        rules,
        select(vec![None, Some("a"), Some("b")]),
    )
        .prop_map(
            |(
                (caller, root),
                mut key,
                attached,
                with_principals,
                grants,
                (key_policy, cross_account),
                tag,
            )| {
                if key.is_empty() {
                    key.push(json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}));
                }
                let rules = Rules { key_policy, cross_account };
                let everything = root && caller == ROOT;
                Request { caller, everything, key, attached, with_principals, grants, rules, tag }
            },
        )
}

fn document(statements: &[Value], kind: Kind) -> Document {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Document::parse(&text, kind).unwrap()
}

fn policies(statements: &[Value], kind: Kind) -> Vec<NamedPolicy> {
    match statements {
        [] => Vec::new(),
        _ => vec![NamedPolicy { name: "p".into(), document: Arc::new(document(statements, kind)) }],
    }
}

impl Request {
    /// Shows the inquiry to `look`.
    fn inquire<T>(&self, look: impl FnOnce(&Inquiry<'_>) -> T) -> T {
        let some = |policies: Vec<NamedPolicy>| (!policies.is_empty()).then_some(policies);
        let [identity, boundary, session, service_control] =
            self.attached.each_ref().map(|statements| policies(statements, Kind::Identity));
        let [resource_control, endpoint] =
            self.with_principals.each_ref().map(|statements| policies(statements, Kind::KeyPolicy));
        let identity = IdentityPolicies {
            everything: self.everything,
            identity,
            boundary: boundary.into_iter().next(),
            session: some(session),
            service_control: some(service_control).map(|level| vec![level]),
            vpc_endpoint: endpoint.into_iter().next(),
        };
        let grants: Vec<_> =
            self.grants.iter().map(|grantee| GrantAllow { id: "g", grantee: *grantee }).collect();
        let mut context = Context::new();
        if let Some(tag) = self.tag {
            context.insert("aws:PrincipalTag/team", tag);
        }
        let policy = document(&self.key, Kind::KeyPolicy);
        look(&Inquiry {
            principal: &Principal::parse(self.caller).unwrap(),
            action: "kms:Decrypt",
            resource: Resource::Key { arn: KEY, account: "111122223333", policy: &policy },
            context: &context,
            identity: &identity,
            resource_control: &resource_control,
            grants: &grants,
            rules: self.rules,
        })
    }

    fn decide(&self, steps: u64) -> Result<Decision, BudgetExceeded> {
        self.inquire(|inquiry| decide(inquiry, &mut Budget::new(steps)))
    }

    fn allowed(&self) -> bool {
        self.decide(Budget::DEFAULT_STEPS).unwrap().allowed()
    }

    /// The statements of every policy, with whether they name principals.
    fn lists(&mut self) -> Vec<(bool, &mut Vec<Value>)> {
        let Self { key, attached, with_principals, .. } = self;
        let named = with_principals.iter_mut().chain([key]).map(|list| (true, list));
        attached.iter_mut().map(|list| (false, list)).chain(named).collect()
    }
}

/// What is within a policy, or nearly.
fn arbitrary_json() -> impl Strategy<Value = Value> {
    let words = select(vec![
        "Allow",
        "Deny",
        "*",
        "kms:Decrypt",
        KEY,
        USER,
        "2012-10-17",
        "${aws:username}",
        "true",
        "a",
    ]);
    let names = select(vec![
        "Version",
        "Statement",
        "Effect",
        "Principal",
        "AWS",
        "Action",
        "NotAction",
        "Resource",
        "Condition",
        "StringEquals",
        "Null",
        "aws:username",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let member = (names.clone().prop_map(ToOwned::to_owned), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(member, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_denial_added_anywhere_never_allows(
        request in requests(),
        place in any::<Index>(),
        of_identity in statement(false, Just("Deny")),
        of_resource in statement(true, Just("Deny")),
    ) {
        let before = request.allowed();
        let mut after = request;
        let mut lists = after.lists();
        let (principals, list) = lists.swap_remove(place.index(lists.len()));
        list.push(if principals { of_resource } else { of_identity });
        prop_assert!(before || !after.allowed());
    }

    #[test]
    fn a_grant_taken_away_never_allows(request in requests(), place in any::<Index>()) {
        let before = request.allowed();
        let mut after = request;
        if !after.grants.is_empty() {
            let place = place.index(after.grants.len());
            after.grants.remove(place);
        }
        prop_assert!(before || !after.allowed());
    }

    #[test]
    fn reasons_and_decision_agree(request in requests()) {
        let decision = request.decide(Budget::DEFAULT_STEPS).unwrap();
        let denies = decision.reasons.iter().any(|reason| reason.effect == Effect::Deny);
        let explicit = decision.denial.as_ref().map(|denial| denial.explicit);
        prop_assert_eq!(denies, explicit == Some(true));
        match &decision.denial {
            None => prop_assert!(!decision.reasons.is_empty(), "nothing is allowed without a reason"),
            Some(denial) if denial.explicit => {
                prop_assert_eq!(denial.source, decision.reasons[0].source);
                prop_assert_eq!(&denial.policy, &decision.reasons[0].policy);
                prop_assert!(denial.missing.is_none());
            }
            Some(denial) => {
                prop_assert!(denial.missing.as_ref().is_some_and(|missing| !missing.is_empty()));
            }
        }
    }

    /// Else the text would tell a stranger which keys there are.
    #[test]
    fn a_foreign_key_that_does_not_allow_reads_like_none(request in requests()) {
        let request = Request { caller: FOREIGN, everything: false, ..request };
        let rules = Rules { key_policy: KeyPolicyRule::Counts, cross_account: CrossAccount::Allowed };
        let request = Request { rules, ..request };
        let decision = request.decide(Budget::DEFAULT_STEPS).unwrap();
        let of_key = |effect| {
            let key = |source| matches!(source, Source::KeyPolicy | Source::Grant);
            decision.reasons.iter().any(|reason| key(reason.source) && reason.effect == effect)
        };
        if of_key(Effect::Deny) || !of_key(Effect::Allow) {
            let denial = decision.denial.as_ref().unwrap();
            for named in [Named::Identifier, Named::Ciphertext] {
                let text = request.inquire(|inquiry| denial.message(inquiry, named));
                prop_assert_eq!(text, absent(&Principal::parse(FOREIGN).unwrap(), "kms:Decrypt", named));
            }
        }
    }

    #[test]
    fn a_budget_bounds_the_work_and_changes_no_answer(request in requests(), steps in 0_u64..400) {
        let (used, answer) = request.inquire(|inquiry| {
            let mut budget = Budget::default();
            let answer = decide(inquiry, &mut budget).unwrap();
            (budget.used(), answer)
        });
        match request.decide(steps) {
            Ok(decision) => {
                prop_assert!(steps >= used);
                prop_assert_eq!(decision, answer);
            }
            Err(BudgetExceeded { cap }) => {
                prop_assert!(steps < used);
                prop_assert_eq!(cap, steps);
            }
        }
    }

    #[test]
    fn any_policies_are_refused_or_judged(
        key in arbitrary_json(),
        attached in arbitrary_json(),
        request in requests(),
        steps in 0_u64..5_000,
    ) {
        let read = |policy: &Value, kind| {
            let wrapped = json!({"Version": "2012-10-17", "Statement": policy});
            [policy, &wrapped].into_iter().find_map(|text| Document::parse(&text.to_string(), kind).ok())
        };
        let key = read(&key, Kind::KeyPolicy);
        let attached = read(&attached, Kind::Identity);
        request.inquire(|inquiry| {
            let policies = attached.map(|document| NamedPolicy { name: "a".into(), document: Arc::new(document) });
            let identity = IdentityPolicies { identity: policies.into_iter().collect(), ..inquiry.identity.clone() };
            let resource = match (&key, inquiry.resource) {
                (Some(policy), Resource::Key { arn, account, .. }) => Resource::Key { arn, account, policy },
                (_, resource) => resource,
            };
            let inquiry = Inquiry { identity: &identity, resource, ..*inquiry };
            let mut budget = Budget::new(steps);
            if let Ok(decision) = decide(&inquiry, &mut budget) {
                assert_eq!(decision.explain(&inquiry, Named::Identifier).message.is_none(), decision.allowed());
            }
            assert!(budget.used() <= steps);
        });
    }
}
