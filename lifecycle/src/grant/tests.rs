use proptest::prelude::*;

use super::*;
use crate::ids::{KeyId, Scope};
use crate::key::{Key, KeyManager, KeySpec, KeyUsage, Origin, Switch};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/one";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const USER: &str = "arn:aws:iam::111122223333:user/team/bob";
const FEDERATED: &str = "arn:aws:sts::111122223333:federated-user/bob";

fn key(account: &str) -> KeyArn {
    let scope = Scope { account: account.parse().unwrap(), region: "us-east-1".parse().unwrap() };
    KeyArn { scope, id: KeyId::single_region([1; 16]) }
}

fn named(text: &str) -> GrantPrincipal {
    GrantPrincipal::parse(Member::Principal, text).unwrap()
}

fn caller(text: &str) -> Principal {
    Principal::parse(text).unwrap()
}

fn grant(grantee: &str, operations: &[GrantOperation]) -> Grant {
    Grant {
        key: key("999988887777"),
        id: GrantId([1; 32]),
        name: None,
        created_at: Timestamp(1_000),
        grantee: named(grantee),
        retiring: None,
        issuing_account: "999988887777".parse().unwrap(),
        operations: operations.iter().copied().collect(),
        constraints: Constraints::default(),
    }
}

fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn facts(context: &EncryptionContext) -> GrantFacts<'_> {
    GrantFacts { encryption_context: Some(context), source_arn: None }
}

#[test]
fn a_grantee_covers_whom_it_names() {
    use PrincipalMatch::{Account, Own, Role, Service};
    let other_session = "arn:aws:sts::111122223333:assumed-role/app/two";
    let regional = "logs.us-east-1.amazonaws.com";
    let cases: &[(&str, &str, Option<PrincipalMatch>)] = &[
        (ROLE, ROLE, Some(Role)),
        (ROLE, SESSION, Some(Role)),
        (ROLE, other_session, Some(Role)),
        (ROLE, ROOT, None),
        (ROLE, USER, None),
        ("arn:aws:iam::111122223333:role/path/app", SESSION, None),
        ("arn:aws:iam::444455556666:role/app", SESSION, None),
        ("arn:aws-cn:iam::111122223333:role/app", SESSION, None),
        (SESSION, SESSION, Some(Own)),
        (SESSION, other_session, None),
        (SESSION, ROLE, None),
        (ROOT, ROOT, Some(Own)),
        (ROOT, USER, Some(Account)),
        (ROOT, SESSION, Some(Account)),
        (ROOT, FEDERATED, Some(Account)),
        (ROOT, "arn:aws:iam::444455556666:root", None),
        (ROOT, regional, None),
        (USER, USER, Some(Own)),
        (USER, "arn:aws:iam::111122223333:user/bob", None),
        (USER, ROOT, None),
        (FEDERATED, FEDERATED, Some(Own)),
        (FEDERATED, "arn:aws:iam::111122223333:user/bob", None),
        ("logs.amazonaws.com", regional, Some(Service)),
        (regional, regional, Some(Service)),
        (regional, "logs.amazonaws.com", None),
        ("sns.amazonaws.com", regional, None),
    ];
    for (grantee, who, expected) in cases {
        let grant = grant(grantee, &[GrantOperation::Decrypt]);
        let found = grant.covers(&caller(who), GrantOperation::Decrypt, &GrantFacts::default());
        assert_eq!(found, *expected, "{grantee} and {who}");
        assert_eq!(grant.covers(&caller(who), GrantOperation::Encrypt, &GrantFacts::default()), None);
    }
    let pathed = caller(SESSION).with_role("path/app").with_provider("accounts.google.com");
    assert_eq!(named("arn:aws:iam::111122223333:role/path/app").matches(&pathed), Some(Role));
    assert_eq!(named(SESSION).matches(&pathed), Some(Own));
    assert_eq!(named(ROLE).matches(&pathed), None);
}

/// The index of grants by grantee relies on it.
#[test]
fn the_spellings_of_a_caller_are_those_that_match_it() {
    let texts = [
        ROLE,
        SESSION,
        ROOT,
        USER,
        FEDERATED,
        "arn:aws:iam::111122223333:role/path/app",
        "arn:aws:sts::111122223333:assumed-role/app/two",
        "arn:aws:iam::444455556666:root",
        "arn:aws-cn:iam::111122223333:root",
        "logs.amazonaws.com",
        "logs.us-east-1.amazonaws.com",
        "logs.eu-west-1.amazonaws.com",
        "delivery.logs.us-east-1.amazonaws.com",
        "delivery.logs.amazonaws.com",
        "logs.cn-north-1.amazonaws.com.cn",
        "logs.amazonaws.com.cn",
    ];
    let pathed = caller(SESSION).with_role("path/app");
    for caller in texts.iter().map(|text| caller(text)).chain([pathed]) {
        let known = spellings(&caller);
        for text in texts {
            let matched = named(text).matches(&caller).is_some();
            assert_eq!(known.iter().any(|known| **known == *text), matched, "{text} and {caller}");
        }
    }
}

#[test]
fn only_services_fit_the_member_for_services() {
    for text in ["", "*", "bob", "111122223333", "arn:aws:iam::111122223333:group/g", "arn:aws:s3:::bucket"] {
        assert_eq!(GrantPrincipal::parse(Member::Principal, text), None, "{text}");
    }
    assert_eq!(GrantPrincipal::parse(Member::ServicePrincipal, ROLE), None);
    let service = GrantPrincipal::parse(Member::ServicePrincipal, "logs.amazonaws.com").unwrap();
    let json = serde_json::to_string(&service).unwrap();
    assert_eq!(json, r#"{"member":"service_principal","name":"logs.amazonaws.com"}"#);
    assert_eq!(serde_json::from_str::<GrantPrincipal>(&json).unwrap(), service);
    let refused = serde_json::from_str::<GrantPrincipal>(r#"{"member":"principal","name":"bob"}"#);
    assert!(refused.unwrap_err().to_string().contains("bob can be no principal of a grant"));
}

#[test]
fn constraints_decide_which_requests_are_covered() {
    use GrantOperation::{CreateGrant, Decrypt, DescribeKey, RetireGrant};
    let pairs = [("Team", "Blue"), ("stage", "test")];
    let constrained = |constraint| {
        let encryption_context = Some(constraint);
        let constraints = Constraints { encryption_context, source_arn: None };
        Grant { constraints, ..grant(ROLE, &[CreateGrant, Decrypt, DescribeKey, RetireGrant]) }
    };
    let equals = constrained(ContextConstraint::Equals(context(&pairs)));
    let subset = constrained(ContextConstraint::Subset(context(&pairs)));
    let who = caller(SESSION);
    for (asked, equal, part) in [
        (context(&pairs), true, true),
        (context(&[("TEAM", "Blue"), ("Stage", "test")]), true, true),
        (context(&[("Team", "blue"), ("stage", "test")]), false, false),
        (context(&[("Team", "Blue"), ("stage", "test"), ("more", "")]), false, true),
        (context(&[("Team", "Blue"), ("stage", "test"), ("team", "Red")]), false, true),
        (context(&[("Team", "Blue")]), false, false),
        (context(&[]), false, false),
    ] {
        let covers = |grant: &Grant| grant.covers(&who, Decrypt, &facts(&asked)).is_some();
        assert_eq!((covers(&equals), covers(&subset)), (equal, part), "{asked:?}");
    }
    for free in [CreateGrant, DescribeKey, RetireGrant] {
        assert!(equals.covers(&who, free, &GrantFacts::default()).is_some(), "{free}");
    }
    assert!(equals.covers(&who, Decrypt, &GrantFacts::default()).is_none());
    let nothing = constrained(ContextConstraint::Equals(context(&[])));
    assert!(nothing.covers(&who, Decrypt, &GrantFacts::default()).is_some());
    assert!(nothing.covers(&who, Decrypt, &facts(&context(&[("a", "b")]))).is_none());
}

#[test]
fn a_source_is_asked_for_everywhere_but_at_retirement() {
    use GrantOperation::{CreateGrant, Decrypt, DescribeKey, RetireGrant};
    let arn = "arn:aws:logs:us-east-1:111122223333:log-group:a";
    let constraints = Constraints { encryption_context: None, source_arn: Some(arn.into()) };
    let grant = Grant { constraints, ..grant(ROLE, &[CreateGrant, Decrypt, DescribeKey, RetireGrant]) };
    for (operation, asked) in
        [(CreateGrant, true), (Decrypt, true), (DescribeKey, true), (RetireGrant, false)]
    {
        for (source, fits) in [(Some(arn), true), (Some("arn:aws:logs:::b"), false), (None, false)] {
            let facts = GrantFacts { encryption_context: None, source_arn: source };
            let covered = grant.covers(&caller(ROLE), operation, &facts).is_some();
            assert_eq!(covered, fits || !asked, "{operation} {source:?}");
        }
    }
}

#[test]
fn what_can_be_granted_depends_on_the_key() {
    use GrantOperation as O;
    let key = |spec, usage| Key {
        arn: key("111122223333"),
        spec,
        usage,
        origin: Origin::AwsKms,
        manager: KeyManager::Customer,
        multi_region: None,
        description: "".into(),
        created_at: Timestamp(0),
        switch: Switch::Enabled,
        pending_deletion: None,
        policy: "".into(),
        tags: vec![],
        current_material: None,
        material_count: 0,
        rotation: None,
        on_demand_rotations: 0,
        custom_store: None,
        imported: Vec::new(),
    };
    let symmetric: &[_] = &[
        O::Decrypt,
        O::Encrypt,
        O::GenerateDataKey,
        O::GenerateDataKeyWithoutPlaintext,
        O::ReEncryptFrom,
        O::ReEncryptTo,
        O::GenerateDataKeyPair,
        O::GenerateDataKeyPairWithoutPlaintext,
    ];
    let asymmetric: &[_] = &[O::Decrypt, O::Encrypt, O::ReEncryptFrom, O::ReEncryptTo, O::GetPublicKey];
    for (spec, usage, expected) in [
        (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, symmetric),
        (KeySpec::Rsa2048, KeyUsage::EncryptDecrypt, asymmetric),
        (KeySpec::Sm2, KeyUsage::EncryptDecrypt, asymmetric),
        (KeySpec::EccNistP256, KeyUsage::SignVerify, &[O::Sign, O::Verify, O::GetPublicKey]),
        (KeySpec::EccNistP256, KeyUsage::KeyAgreement, &[O::GetPublicKey, O::DeriveSharedSecret]),
        (
            KeySpec::MlKem768,
            KeyUsage::EncapsulateDecapsulate,
            &[O::GetPublicKey, O::Encapsulate, O::Decapsulate],
        ),
        (KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, &[O::GenerateMac, O::VerifyMac]),
    ] {
        let key = key(spec, usage);
        let always = [O::DescribeKey, O::CreateGrant, O::RetireGrant];
        let expected: BTreeSet<_> = expected.iter().copied().chain(always).collect();
        let found: BTreeSet<_> =
            GrantOperation::ALL.iter().copied().filter(|operation| grantable(&key, *operation)).collect();
        assert_eq!(found, expected, "{spec} {usage}");
    }
}

#[test]
fn who_may_retire_a_grant() {
    use RetireRight::{Grantee, GranteeAccount, OwningAccount, RetiringAccount, RetiringPrincipal};
    let owner = "arn:aws:iam::999988887777:user/admin";
    let retiring = "arn:aws:iam::444455556666:role/retirer";
    // The operations of the grant, its grantee and retiring principal, the caller, and the caller's rights.
    type Case<'a> = (&'a [GrantOperation], &'a str, &'a str, &'a str, &'a [RetireRight]);
    let cases: &[Case<'_>] = &[
        (&[], ROLE, retiring, retiring, &[RetiringPrincipal]),
        (&[], ROLE, retiring, "arn:aws:sts::444455556666:assumed-role/retirer/s", &[RetiringPrincipal]),
        (&[], ROLE, retiring, "arn:aws:iam::444455556666:root", &[]),
        (&[], ROLE, "arn:aws:iam::444455556666:root", retiring, &[RetiringAccount]),
        (&[], ROLE, "arn:aws:iam::444455556666:root", "arn:aws:iam::444455556666:root", &[RetiringPrincipal]),
        (&[], ROLE, retiring, SESSION, &[]),
        (&[GrantOperation::RetireGrant], ROLE, retiring, SESSION, &[Grantee]),
        (&[GrantOperation::RetireGrant], ROOT, retiring, SESSION, &[GranteeAccount]),
        (&[], ROLE, ROLE, SESSION, &[RetiringPrincipal]),
        (&[], ROLE, retiring, owner, &[OwningAccount]),
        (&[GrantOperation::RetireGrant], owner, owner, owner, &[RetiringPrincipal, Grantee, OwningAccount]),
        (&[], ROLE, retiring, "arn:aws-cn:iam::999988887777:user/admin", &[]),
        (&[], ROLE, retiring, "logs.amazonaws.com", &[]),
    ];
    for (operations, grantee, retiring, who, expected) in cases {
        let grant = Grant { retiring: Some(named(retiring)), ..grant(grantee, operations) };
        assert_eq!(grant.retire_rights(&caller(who)), *expected, "{grantee} {retiring} {who}");
    }
    for (right, policy, consistency) in [
        (RetiringPrincipal, false, false),
        (Grantee, false, true),
        (RetiringAccount, true, false),
        (GranteeAccount, true, true),
        (OwningAccount, true, false),
    ] {
        assert_eq!((right.needs_identity_policy(), right.needs_consistency()), (policy, consistency));
    }
}

#[test]
fn a_new_grant_counts_after_its_delay() {
    let grant = grant(ROLE, &[]);
    assert!(grant.is_consistent_at(Timestamp(1_000), Duration::ZERO));
    let delay = Duration::from_secs(300);
    assert!(!grant.is_consistent_at(Timestamp(300_999), delay));
    assert!(grant.is_consistent_at(Timestamp(301_000), delay));
    assert!(!grant.is_consistent_at(Timestamp(i64::MAX - 1), Duration::MAX));
}

#[test]
fn only_a_named_request_repeats_a_grant() {
    let unnamed = grant(ROLE, &[GrantOperation::Decrypt]);
    assert!(!unnamed.is_repeated_by(&unnamed));
    let first = Grant { name: Some("n".into()), ..unnamed.clone() };
    let again = Grant { id: GrantId([2; 32]), created_at: Timestamp(9), ..first.clone() };
    assert!(first.is_repeated_by(&again));
    let subset = Some(ContextConstraint::Subset(context(&[("a", "b")])));
    for other in [
        Grant { name: Some("m".into()), ..first.clone() },
        Grant { key: key("111122223333"), ..first.clone() },
        Grant { grantee: named(USER), ..first.clone() },
        Grant { retiring: Some(named(USER)), ..first.clone() },
        Grant { operations: [GrantOperation::Encrypt].into(), ..first.clone() },
        Grant { constraints: Constraints { encryption_context: subset, source_arn: None }, ..first.clone() },
        unnamed,
    ] {
        assert!(!first.is_repeated_by(&other), "{other:?}");
    }
}

#[test]
fn tokens_of_a_grant_differ_and_name_it() {
    let tokens = TokenKey::new(b"secret");
    let (key, id) = (key("111122223333"), GrantId([7; 32]));
    let (one, two) = (tokens.issue(&key, id, [1; 16]), tokens.issue(&key, id, [2; 16]));
    assert_ne!(one, two);
    // AWS (observed): how tokens begin.
    assert!(one.starts_with("AQpA") && one.len() < 300, "{one}");
    for token in [&one, &two] {
        assert_eq!(tokens.read(token), Some((key, id)));
        assert_eq!(TokenKey::new(b"another").read(token), None);
    }
    for nonsense in
        ["", "AQ", "AQpA", "not base64!", &"A".repeat(8_192), &one[..one.len() - 4], &format!("{one}AAAA")]
    {
        assert_eq!(tokens.read(nonsense), None, "{nonsense}");
    }
}

fn pairs() -> impl Strategy<Value = EncryptionContext> {
    // Few keys in both cases, so that random contexts meet random constraints.
    proptest::collection::btree_map("[aAbB]", "[xy]", 0..4)
}

fn constraints() -> impl Strategy<Value = Constraints> {
    let context = prop_oneof![
        Just(None),
        pairs().prop_map(|pairs| Some(ContextConstraint::Equals(pairs))),
        pairs().prop_map(|pairs| Some(ContextConstraint::Subset(pairs))),
    ];
    (context, proptest::option::of("[st]")).prop_map(|(encryption_context, source)| Constraints {
        encryption_context,
        source_arn: source.map(Into::into),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_child_never_covers_more_than_its_parent(
        parent in constraints(), child in constraints(), asked in pairs(), source in proptest::option::of("[st]"),
        operations in proptest::sample::subsequence(GrantOperation::ALL, 0..=19),
        fewer in proptest::sample::subsequence(GrantOperation::ALL, 0..=3),
    ) {
        let parent = Grant { constraints: parent, ..grant(ROLE, &operations) };
        let child = Grant { constraints: child, ..grant(ROLE, &fewer) };
        prop_assert_eq!(check_child(&parent, &parent), Ok(()));
        if check_child(&parent, &child).is_ok() {
            let facts = GrantFacts { encryption_context: Some(&asked), source_arn: source.as_deref() };
            for operation in GrantOperation::ALL {
                let covers = |grant: &Grant| grant.covers(&caller(ROLE), *operation, &facts).is_some();
                prop_assert!(!covers(&child) || covers(&parent), "{} {:?} {:?}", operation, parent, child);
            }
        }
    }

    #[test]
    fn an_altered_token_is_none(at in 0_usize..1_000, bit in 0_u8..6, salt: [u8; 16]) {
        let tokens = TokenKey::new(b"secret");
        let token = tokens.issue(&key("111122223333"), GrantId([7; 32]), salt);
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut bytes = token.into_bytes();
        let at = at % bytes.len();
        let value = alphabet.iter().position(|c| *c == bytes[at]).unwrap();
        bytes[at] = alphabet[value ^ (1 << bit)];
        prop_assert_eq!(tokens.read(std::str::from_utf8(&bytes).unwrap()), None);
    }

    #[test]
    fn stored_grants_read_back(constraints in constraints(), name in proptest::option::of("[a-z]{1,8}")) {
        let grant = Grant {
            constraints,
            name: name.map(Into::into),
            retiring: Some(named(USER)),
            ..grant(ROLE, GrantOperation::ALL)
        };
        let json = serde_json::to_string(&grant).unwrap();
        prop_assert_eq!(serde_json::from_str::<Grant>(&json).unwrap(), grant);
    }
}

#[test]
fn a_child_is_refused_for_what_it_adds() {
    use GrantOperation::{CreateGrant, Decrypt, Encrypt};
    let equals = |pairs: &[(&str, &str)]| Some(ContextConstraint::Equals(context(pairs)));
    let subset = |pairs: &[(&str, &str)]| Some(ContextConstraint::Subset(context(pairs)));
    let with = |encryption_context, source: Option<&str>| Grant {
        constraints: Constraints { encryption_context, source_arn: source.map(Into::into) },
        ..grant(USER, &[CreateGrant, Decrypt])
    };
    let parent = with(None, None);
    let more = Grant { operations: [Decrypt, Encrypt].into(), ..parent.clone() };
    assert_eq!(check_child(&parent, &more), Err(Wider::Operations));
    let elsewhere = Grant { key: key("111122223333"), ..parent.clone() };
    assert_eq!(check_child(&parent, &elsewhere), Err(Wider::Key));
    let one: &[_] = &[("a", "x")];
    let two: &[_] = &[("A", "x"), ("b", "y")];
    for (parent, child, fits) in [
        (with(None, None), with(subset(one), Some("s")), true),
        (with(subset(one), None), with(None, None), false),
        (with(subset(one), None), with(subset(two), None), true),
        (with(subset(one), None), with(equals(two), None), true),
        (with(subset(two), None), with(subset(one), None), false),
        (with(equals(one), None), with(subset(one), None), false),
        (with(equals(one), None), with(equals(&[("A", "x")]), None), true),
        (with(equals(one), None), with(equals(two), None), false),
        (with(None, Some("s")), with(None, None), false),
        (with(None, Some("s")), with(None, Some("t")), false),
        (with(None, Some("s")), with(equals(one), Some("s")), true),
    ] {
        let expected = if fits { Ok(()) } else { Err(Wider::Constraints) };
        assert_eq!(check_child(&parent, &child), expected, "{parent:?} {child:?}");
    }
}
