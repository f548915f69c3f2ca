//! What one decision costs: by the statements of the policies that are asked, and by the grants of the key.
//!
//! `cargo bench -p lifecycle --bench authorize` measures, and prints one Markdown table after criterion's report.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measuring tool: it prints, reads the clock, and stops at the first thing that is not as expected"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion};
use lifecycle::authorize::{
    CrossAccount, Decision, GrantAllow, IdentityPolicies, Inquiry, KeyPolicyRule, Resource, Rules, decide,
};
use lifecycle::clock::Timestamp;
use lifecycle::crypto::envelope::EncryptionContext;
use lifecycle::grant::{
    Constraints, ContextConstraint, Grant, GrantFacts, GrantOperation, GrantPrincipal, Member,
};
use lifecycle::ids::{GrantId, KeyArn, KeyId, Scope};
use lifecycle::key::{Key, KeyManager, KeySpec, KeyUsage, Origin, Switch};
use lifecycle::policy::{Budget, Context, Document, Kind, NamedPolicy, Principal, PrincipalMatch};
use lifecycle::state::{Record, State, View};

const ACCOUNT: &str = "111122223333";
const CALLER: &str = "arn:aws:sts::111122223333:assumed-role/app/one";
const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const RULES: Rules = Rules { key_policy: KeyPolicyRule::Counts, cross_account: CrossAccount::Allowed };

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut table = Table::default();
    by_statements(&mut criterion, &mut table);
    by_grants(&mut criterion, &mut table);
    criterion.final_summary();
    table.print();
}

/// A role's one policy, of which only the last statement applies; the key policy leaves the decision to it.
fn by_statements(criterion: &mut Criterion, table: &mut Table) {
    let arn = key_arn().to_string();
    let key_policy = of_the_account();
    let mut context = Context::new();
    context.insert("kms:EncryptionContext:tenant", "a");
    context.insert_values("kms:EncryptionContextKeys", ["tenant"]);
    let caller = Principal::parse(CALLER).unwrap();
    for count in [1, 10, 100] {
        let identity = IdentityPolicies { identity: vec![statements(count, &arn)], ..Default::default() };
        let inquiry = Inquiry {
            principal: &caller,
            action: "kms:Decrypt",
            resource: Resource::Key { arn: &arn, account: ACCOUNT, policy: &key_policy },
            context: &context,
            identity: &identity,
            resource_control: &[],
            grants: &[],
            rules: RULES,
        };
        let run = || decided(black_box(&inquiry));
        assert!(run().allowed());
        table.measure(criterion, "decide against statements", count, run);
    }
}

/// A key with this many grants of others besides the caller's own one, which alone allows.
fn by_grants(criterion: &mut Criterion, table: &mut Table) {
    let caller = Principal::parse(CALLER).unwrap();
    let identity = IdentityPolicies::default();
    let (arn, key_policy) = (key_arn().to_string(), of_the_account());
    let context = Context::new();
    let inquiry = Inquiry {
        principal: &caller,
        action: "kms:Decrypt",
        resource: Resource::Key { arn: &arn, account: ACCOUNT, policy: &key_policy },
        context: &context,
        identity: &identity,
        resource_control: &[],
        grants: &[],
        rules: RULES,
    };
    for count in [1, 100, 10_000] {
        let state = with_grants_of_others(count);
        let view = state.at(Timestamp(1));
        assert_eq!(view.grant_count(&key_arn()), usize::try_from(count).unwrap() + 1);
        let run = || with_grants(black_box(view), black_box(&inquiry));
        assert!(run().allowed());
        table.measure(criterion, "find and judge among grants of others", count, run);
    }
}

fn decided(inquiry: &Inquiry<'_>) -> Decision {
    decide(inquiry, &mut Budget::default()).unwrap()
}

/// Policies first, then grants, as a request is authorised.
fn with_grants(view: View<'_>, inquiry: &Inquiry<'_>) -> Decision {
    let decision = decided(inquiry);
    if decision.allowed() {
        return decision;
    }
    let facts =
        GrantFacts { encryption_context: Some(&[("tenant".into(), "a".into())].into()), source_arn: None };
    let covering: Vec<(String, PrincipalMatch)> = view
        .grants_for(key_arn(), inquiry.principal)
        .filter_map(|grant| {
            let by = grant.covers(inquiry.principal, GrantOperation::Decrypt, &facts)?;
            Some((grant.id.to_string(), by))
        })
        .collect();
    let grants: Vec<_> = covering.iter().map(|(id, grantee)| GrantAllow { id, grantee: *grantee }).collect();
    decided(&Inquiry { grants: &grants, ..*inquiry })
}

fn key_arn() -> KeyArn {
    let scope = Scope { account: ACCOUNT.parse().unwrap(), region: "us-east-1".parse().unwrap() };
    KeyArn { scope, id: KeyId::single_region([1; 16]) }
}

/// The default key policy.
fn of_the_account() -> Document {
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "Enable IAM User Permissions", "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}]}"#;
    Document::parse(policy, Kind::KeyPolicy).unwrap()
}

/// A policy with a statement for each tenant; the last is for the key and the tenant of the request.
fn statements(count: u64, arn: &str) -> NamedPolicy {
    let of_tenant = |key: &str, tenant: &str| {
        format!(
            r#"{{"Effect": "Allow", "Action": ["kms:GenerateDataKey*", "kms:Decrypt"], "Resource": "{key}",
            "Condition": {{"StringEquals": {{"kms:EncryptionContext:tenant": "{tenant}"}}}}}}"#
        )
    };
    let others = (1..count).map(|at| {
        of_tenant(&format!("arn:aws:kms:us-east-1:{ACCOUNT}:key/{at:08}-*"), &format!("tenant-{at}"))
    });
    let all: Vec<String> = others.chain([of_tenant(arn, "a")]).collect();
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, all.join(","));
    NamedPolicy {
        name: "tenants".into(),
        document: Arc::new(Document::parse(&text, Kind::Identity).unwrap()),
    }
}

fn with_grants_of_others(count: u64) -> State {
    let others = (1..=count).map(|at| grant(at, &format!("{ROLE}-{at}")));
    let records = others.chain([grant(0, ROLE)]).map(|grant| Record::Grant(Arc::new(grant)));
    State::load(records.chain([Record::Key(Arc::new(key()))]))
}

fn grant(number: u64, grantee: &str) -> Grant {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let pairs = EncryptionContext::from([("tenant".into(), "a".into())]);
    Grant {
        key: key_arn(),
        id: GrantId(id),
        name: None,
        created_at: Timestamp(0),
        grantee: GrantPrincipal::parse(Member::Principal, grantee).unwrap(),
        retiring: None,
        issuing_account: ACCOUNT.parse().unwrap(),
        operations: [GrantOperation::Decrypt, GrantOperation::GenerateDataKey].into(),
        constraints: Constraints {
            encryption_context: Some(ContextConstraint::Subset(pairs)),
            ..Constraints::default()
        },
    }
}

fn key() -> Key {
    Key {
        arn: key_arn(),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        manager: KeyManager::Customer,
        multi_region: None,
        description: "".into(),
        created_at: Timestamp(0),
        switch: Switch::Enabled,
        pending_deletion: None,
        policy: "".into(),
        tags: Vec::new(),
        current_material: None,
        material_count: 0,
        rotation: None,
        on_demand_rotations: 0,
        custom_store: None,
        imported: Vec::new(),
    }
}

/// What was measured: the median over criterion's samples.
#[derive(Default)]
struct Table(Vec<(&'static str, u64, f64)>);

impl Table {
    #[expect(clippy::cast_precision_loss, reason = "a time to print")]
    fn measure<T>(&mut self, criterion: &mut Criterion, what: &'static str, count: u64, run: impl Fn() -> T) {
        let mut samples = Vec::new();
        let mut group = criterion.benchmark_group(what);
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_custom(|times| {
                let started = Instant::now();
                for _ in 0..times {
                    black_box(run());
                }
                let elapsed = started.elapsed();
                samples.push(elapsed.as_nanos() as f64 / times as f64);
                elapsed
            });
        });
        group.finish();
        samples.sort_by(f64::total_cmp);
        // Empty where the command line leaves this measurement out.
        let median = samples.get(samples.len() / 2);
        self.0.extend(median.map(|median| (what, count, *median)));
    }

    fn print(&self) {
        println!("\n| Authorisation | Number | ns |\n| --- | --- | --- |");
        for (what, count, nanoseconds) in &self.0 {
            println!("| {what} | {count} | {nanoseconds:.0} |");
        }
    }
}
