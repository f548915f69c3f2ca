//! Every combination of what may allow or deny, against a truth table.
//!
//! The table is written down a second time here, from the documentation and over plain flags, so that the code
//! and the table would have to be wrong in the same way.
//
// AWS: Policy evaluation logic; Permissions boundaries for IAM entities; Troubleshooting AWS KMS permissions.

#![cfg(test)]

use std::sync::Arc;

use lifecycle::authorize::{
    CrossAccount, GrantAllow, IdentityPolicies, Inquiry, KeyPolicyRule, Resource, Rules, Source, decide,
};
use lifecycle::policy::{Budget, Context, Document, Kind, NamedPolicy, Principal, PrincipalMatch};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const OWNER: &str = "111122223333";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Caller {
    User,
    Session,
    Root,
    Service,
}

/// Whom the key policy, or a grant, names.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Names {
    Nobody,
    Account,
    Anyone,
    Role,
    Caller,
}

/// What a policy says about the action.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    /// There is no such policy.
    Absent,
    Nothing,
    Allow,
    Deny,
}

const SAYS: [Says; 4] = [Says::Absent, Says::Nothing, Says::Allow, Says::Deny];

#[derive(Debug, Clone, Copy)]
struct Combination {
    caller: Caller,
    same_account: bool,
    key_allows: Names,
    key_denies: bool,
    grant: Names,
    identity: Says,
    boundary: Says,
    session: Says,
    service_control: Says,
    resource_control_denies: bool,
    endpoint: Says,
    own_account_only: bool,
}

/// Allowed, or denied explicitly or not, and by what.
type Outcome = Result<(), (bool, Source)>;

/// The truth table.
fn expected(c: &Combination) -> Outcome {
    let root = c.caller == Caller::Root;
    let service = c.caller == Caller::Service;
    let user_or_session = matches!(c.caller, Caller::User | Caller::Session);
    let foreign = !c.same_account && !service;

    let denials = [
        (Source::ServiceControlPolicy, c.service_control == Says::Deny),
        (Source::ResourceControlPolicy, c.resource_control_denies),
        (Source::VpcEndpointPolicy, c.endpoint == Says::Deny),
        (Source::KeyPolicy, c.key_denies),
        (Source::IdentityPolicy, c.identity == Says::Deny && !root),
        (Source::PermissionsBoundary, c.boundary == Says::Deny && !root),
        (Source::SessionPolicy, c.session == Says::Deny && !root),
    ];
    if let Some((source, _)) = denials.into_iter().find(|(_, denies)| *denies) {
        return Err((true, source));
    }

    let permits = |says| matches!(says, Says::Absent | Says::Allow);
    let named = |whom| c.key_allows == whom || c.grant == whom;
    let own_side = root || c.identity == Says::Allow;
    // Whoever is named needs no identity policy in the key's account; across accounts only a grant does that.
    let needs_no_identity = match foreign {
        false => named(Names::Caller) || named(Names::Role) || named(Names::Anyone),
        true => matches!(c.grant, Names::Caller | Names::Role),
    };
    let named_by_own_arn = !foreign && named(Names::Caller);
    let boundary = root || permits(c.boundary) || named_by_own_arn && user_or_session;
    let session = root || permits(c.session) || named_by_own_arn && c.caller == Caller::Session;
    let keys_side = c.key_allows != Names::Nobody || c.grant != Names::Nobody;
    let requirements = [
        (Source::ServiceControlPolicy, permits(c.service_control)),
        (Source::VpcEndpointPolicy, permits(c.endpoint)),
        (Source::KeyPolicy, keys_side && !(foreign && c.own_account_only)),
        (Source::IdentityPolicy, needs_no_identity || own_side),
        (Source::PermissionsBoundary, boundary),
        (Source::SessionPolicy, session),
    ];
    match requirements.into_iter().find(|(_, met)| !met) {
        Some((source, _)) => Err((false, source)),
        None => Ok(()),
    }
}

/// The policies, compiled once.
struct Stage {
    callers: Vec<(Caller, bool, Principal)>,
    /// By caller, by whom it names, and whether it denies the caller.
    key_policies: Vec<(Names, bool, Vec<Document>)>,
    /// What `SAYS` lists, without and with principals.
    attached: Vec<(Says, Option<NamedPolicy>)>,
    endpoint: Vec<(Says, Option<NamedPolicy>)>,
    denying: [NamedPolicy; 1],
    context: Context,
}

fn document(statements: Vec<Value>, kind: Kind) -> Document {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Document::parse(&text, kind).unwrap()
}

fn named(statement: Value, kind: Kind) -> NamedPolicy {
    NamedPolicy { name: "p".into(), document: Arc::new(document(vec![statement], kind)) }
}

fn attached(says: Says, principal: bool) -> Option<NamedPolicy> {
    let (effect, action) = match says {
        Says::Absent => return None,
        Says::Nothing => ("Allow", "s3:*"),
        Says::Allow => ("Allow", "kms:*"),
        Says::Deny => ("Deny", "kms:Decrypt"),
    };
    let mut statement = json!({"Effect": effect, "Action": action, "Resource": "*"});
    if principal {
        statement["Principal"] = json!("*");
    }
    Some(named(statement, if principal { Kind::KeyPolicy } else { Kind::Identity }))
}

impl Stage {
    fn new() -> Self {
        let accounts = [(true, OWNER), (false, "444455556666")];
        let mut callers = Vec::new();
        for (same, account) in accounts {
            for (caller, arn) in [
                (Caller::User, format!("arn:aws:iam::{account}:user/alice")),
                (Caller::Session, format!("arn:aws:sts::{account}:assumed-role/app/s")),
                (Caller::Root, format!("arn:aws:iam::{account}:root")),
            ] {
                callers.push((caller, same, Principal::parse(&arn).unwrap()));
            }
        }
        callers.push((Caller::Service, true, Principal::parse("logs.amazonaws.com").unwrap()));
        let mut key_policies = Vec::new();
        for names in [Names::Nobody, Names::Account, Names::Anyone, Names::Role, Names::Caller] {
            for denies in [false, true] {
                let of = |(_, _, principal): &(Caller, bool, Principal)| key_policy(principal, names, denies);
                key_policies.push((names, denies, callers.iter().map(of).collect()));
            }
        }
        let says = |principal| SAYS.into_iter().map(move |says| (says, attached(says, principal))).collect();
        Self {
            callers,
            key_policies,
            attached: says(false),
            endpoint: says(true),
            denying: [attached(Says::Deny, true).unwrap()],
            context: Context::new(),
        }
    }
}

fn key_policy(caller: &Principal, names: Names, denies: bool) -> Document {
    let own = match caller {
        Principal::Service(_) => json!({"Service": caller.arn()}),
        _ => json!({"AWS": caller.arn()}),
    };
    let account = caller.account().map_or("999999999999", |account| account.id());
    let somebody = json!({"AWS": format!("arn:aws:iam::{OWNER}:user/carol")});
    let principal = match names {
        Names::Nobody => somebody,
        Names::Account => json!({"AWS": format!("arn:aws:iam::{account}:root")}),
        Names::Anyone => json!("*"),
        Names::Role => json!({"AWS": format!("arn:aws:iam::{account}:role/app")}),
        Names::Caller => own.clone(),
    };
    let mut statements =
        vec![json!({"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"})];
    if denies {
        statements.push(json!({"Effect": "Deny", "Principal": own, "Action": "kms:*", "Resource": "*"}));
    }
    document(statements, Kind::KeyPolicy)
}

/// Whom a name really names: the account's name is the root user's, and only sessions have roles.
fn names(caller: Caller, names: Names) -> Option<Names> {
    match (caller, names) {
        (Caller::Root, Names::Account) => Some(Names::Caller),
        (Caller::Service, Names::Account) => None,
        (Caller::User | Caller::Root | Caller::Service, Names::Role) => None,
        (_, names) => Some(names),
    }
}

fn grantee(caller: Caller, names: Names) -> Option<PrincipalMatch> {
    match names {
        Names::Nobody => None,
        Names::Account => Some(PrincipalMatch::Account),
        Names::Anyone => Some(PrincipalMatch::Anyone),
        Names::Role => Some(PrincipalMatch::Role),
        Names::Caller if caller == Caller::Service => Some(PrincipalMatch::Service),
        Names::Caller => Some(PrincipalMatch::Own),
    }
}

impl Stage {
    /// Runs `test` on every combination.
    fn each(&self, mut test: impl FnMut(&Combination, &Inquiry<'_>)) {
        for (place, (caller, same_account, principal)) in self.callers.iter().enumerate() {
            let policies = self.key_policies.iter();
            for (key_allows, key_denies, documents) in policies {
                let Some(key_allows) = names(*caller, *key_allows) else { continue };
                for grant in [Names::Nobody, Names::Account, Names::Role, Names::Caller] {
                    let Some(grant) = names(*caller, grant) else { continue };
                    let id = "g";
                    let grants: Vec<_> = grantee(*caller, grant)
                        .map(|grantee| GrantAllow { id, grantee })
                        .into_iter()
                        .collect();
                    let base = Combination {
                        caller: *caller,
                        same_account: *same_account,
                        key_allows,
                        key_denies: *key_denies,
                        grant,
                        identity: Says::Absent,
                        boundary: Says::Absent,
                        session: Says::Absent,
                        service_control: Says::Absent,
                        resource_control_denies: false,
                        endpoint: Says::Absent,
                        own_account_only: false,
                    };
                    let resource = Resource::Key { arn: KEY, account: OWNER, policy: &documents[place] };
                    self.each_identity(&base, principal, resource, &grants, &mut test);
                }
            }
        }
    }

    /// Runs `test` on every combination that differs from `base` by what travels with the caller.
    fn each_identity(
        &self,
        base: &Combination,
        principal: &Principal,
        resource: Resource<'_>,
        grants: &[GrantAllow<'_>],
        test: &mut impl FnMut(&Combination, &Inquiry<'_>),
    ) {
        // Services have no policies.
        let choices = if base.caller == Caller::Service { 1 } else { SAYS.len() };
        for number in 0..choices.pow(4) * SAYS.len() * 3 {
            let mut rest = number;
            let mut digit = |base: usize| {
                let digit = rest % base;
                rest /= base;
                digit
            };
            let (identity, identity_policy) = &self.attached[digit(choices)];
            let (boundary, boundary_policy) = &self.attached[digit(choices)];
            let (session, session_policy) = &self.attached[digit(choices)];
            let (service_control, control_policy) = &self.attached[digit(choices)];
            let (endpoint, endpoint_policy) = &self.endpoint[digit(SAYS.len())];
            let (denies, never) = [(false, false), (true, false), (false, true)][digit(3)];
            let policies = IdentityPolicies {
                everything: base.caller == Caller::Root,
                identity: identity_policy.iter().cloned().collect(),
                boundary: boundary_policy.clone(),
                session: session_policy.clone().map(|policy| vec![policy]),
                service_control: control_policy.clone().map(|policy| vec![vec![policy]]),
                vpc_endpoint: endpoint_policy.clone(),
            };
            let combination = Combination {
                identity: *identity,
                boundary: *boundary,
                session: *session,
                service_control: *service_control,
                resource_control_denies: denies,
                endpoint: *endpoint,
                own_account_only: never,
                ..*base
            };
            let cross_account = if never { CrossAccount::Never } else { CrossAccount::Allowed };
            let inquiry = Inquiry {
                principal,
                action: "kms:Decrypt",
                resource,
                context: &self.context,
                identity: &policies,
                resource_control: if denies { &self.denying } else { &[] },
                grants,
                rules: Rules { key_policy: KeyPolicyRule::Counts, cross_account },
            };
            test(&combination, &inquiry);
        }
    }
}

#[test]
fn every_combination_is_decided_as_the_truth_table_says() {
    let (mut count, mut allowed) = (0, 0);
    Stage::new().each(|combination, inquiry| {
        let decision = decide(inquiry, &mut Budget::default()).unwrap();
        let found = match decision.denial {
            None => Ok(()),
            Some(denial) => Err((denial.explicit, denial.source)),
        };
        assert_eq!(found, expected(combination), "{combination:?}");
        count += 1;
        allowed += usize::from(found.is_ok());
    });
    assert!(count > 100_000 && allowed > 1_000, "{count} combinations, {allowed} allowed");
}
