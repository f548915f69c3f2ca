//! The three kinds of keys: how they are named, who has them, who may do what with them.

use super::*;
use crate::at_rest::service::DaxSseSpecification;
use crate::authorize::{CrossAccount, IdentityPolicies, Inquiry, KeyPolicyRule, Resource, Rules, decide};
use crate::crypto::SeededEntropy;
use crate::key::{Key, KeyManager};
use crate::managed;
use crate::policy::{Budget, Context, Principal};
use crate::state::State;

/// E-21: The console shows `KMS` for managed keys of AWS and of customers. E-22: The console shows `DEFAULT` for owned keys.
/// Modelled: the console's words are those of `KeyKind`.
#[test]
fn e_21_e_22_the_consoles_words_for_the_kinds() {
    let mut world = world();
    let kinds = kinds(&world);
    for (at, sse) in kinds.iter().enumerate() {
        let name = format!("table-{at}");
        table(&mut world, &name, sse);
        let shown = described(&world, &name).unwrap().kind.console_type();
        assert_eq!(shown, ["DEFAULT", "KMS", "KMS"][at]);
    }
}

/// E-23: `SSEType` is `KMS` for managed keys of AWS and of customers. E-24: Without a type it is an owned key.
#[test]
fn e_23_e_24_the_apis_words_for_the_kinds() {
    let mut world = world();
    let kinds = kinds(&world);
    for (at, sse) in kinds.iter().enumerate() {
        let name = format!("table-{at}");
        table(&mut world, &name, sse);
        let described = sse_of(&world, &name).and_then(|sse| sse.sse_type);
        assert_eq!(described.as_deref(), [None, Some("KMS"), Some("KMS")][at]);
    }
    table(&mut world, "unspecified", &SseSpecification::default());
    assert_eq!(sse_of(&world, "unspecified"), None);
    let json = serde_json::to_value(described(&world, "unspecified")).unwrap();
    assert!(json.get("SSEDescription").is_none());
}

/// E-25: A table can go from every kind of key to every other at any time, and from one key of the customer to another.
#[test]
fn e_25_every_kind_can_be_switched_to_every_other() {
    let mut world = world();
    let [owned, managed, first] = kinds(&world);
    let second = under(key(&world));
    let all = [owned, managed, first, second];
    for (from, to) in (0..4).flat_map(|from| (0..4).map(move |to| (from, to))).filter(|(from, to)| from != to)
    {
        let name = format!("table-{from}-{to}");
        table(&mut world, &name, &all[from]);
        world.switch(&name, &all[to], Vec::new()).unwrap();
        world.pass(Span::seconds(22));
        let kind = described(&world, &name).unwrap().kind;
        assert_eq!(kind, [KeyKind::Owned, KeyKind::Managed, KeyKind::Customer, KeyKind::Customer][to]);
        assert_eq!(read(&mut world, &name).unwrap(), SECRET, "{from} to {to}");
    }
}

/// E-26: Console, CLI and API change the key by the same request.
/// Modelled: there is one input for the change of a key, in the API's form.
#[test]
fn e_26_one_request_changes_the_key() {
    let (mut world, _) = books();
    let sent = r#"{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"alias/aws/dynamodb"}"#;
    let sse: SseSpecification = serde_json::from_str(sent).unwrap();
    world.switch("books", &sse, Vec::new()).unwrap();
    world.pass(Span::seconds(22));
    assert_eq!(described(&world, "books").unwrap().kind, KeyKind::Managed);
}

fn replicate(world: &mut SampleWorld, table: &str, key: Option<KeyArn>) -> Result<(), Refusal> {
    let input = Input::AddReplica {
        table: world.name(table),
        region: region("eu-west-1"),
        incarnation: world.incarnation(),
        caller: world.root(),
        key: key.map(|key| key.to_string()),
        version: GlobalTableVersion::V2017,
        consistency: Consistency::Eventual,
    };
    world.input(input)?;
    world.pass(Span::seconds(6));
    Ok(())
}

/// E-27: Global tables of version 2017.11.29 have no customer managed keys. E-28: After the upgrade to 2019.11.21 they have.
#[test]
fn e_27_e_28_customer_managed_keys_need_the_newer_global_tables() {
    let (mut world, first) = books();
    let scope = crate::ids::Scope { region: region("eu-west-1"), ..world.scope };
    let second = world.kms.create_key(scope, world.now);
    assert_eq!(replicate(&mut world, "books", Some(second)).unwrap_err().code, "ValidationException");
    table(&mut world, "global", &SseSpecification::owned());
    replicate(&mut world, "global", None).unwrap();
    let refusal = world.switch("global", &under(first), Vec::new()).unwrap_err();
    assert!(refusal.message.contains("KMSMasterKeyId is not supported"), "{refusal}");
    let table = world.name("global");
    world.input(Input::UpgradeGlobalTable { table }).unwrap();
    let keys = vec![ReplicaKey { region: scope.region, key: Some(second.to_string()) }];
    world.switch("global", &under(first), keys).unwrap();
    world.pass(Span::seconds(22));
    assert_eq!(sse_of(&world, "global").unwrap().kms_master_key_arn, Some(first));
    assert_eq!(sse_of(&world, "eu-west-1:global").unwrap().kms_master_key_arn, Some(second));
}

/// E-29: DAX knows no customer managed keys.
/// Modelled: a DAX cluster's specification has no member for a key.
#[test]
fn e_29_dax_knows_no_customer_managed_keys() {
    assert!(serde_json::from_str::<DaxSseSpecification>(r#"{"Enabled":true}"#).is_ok());
    assert!(
        serde_json::from_str::<DaxSseSpecification>(r#"{"Enabled":true,"KMSMasterKeyId":"alias/a"}"#)
            .is_err()
    );
}

/// E-30: An owned key is not in the customer's account. E-33: An owned key cannot be viewed.
/// E-34: An owned key cannot be managed. E-35: An owned key cannot be used by the customer.
#[test]
fn e_30_e_33_e_34_e_35_an_owned_key_is_out_of_reach() {
    let mut world = world();
    table(&mut world, "books", &SseSpecification::owned());
    assert!(world.kms.keys(world.scope).is_empty());
    assert_eq!(world.kms.alias(world.scope, MANAGED_ALIAS), None);
    let text = serde_json::to_string(&described(&world, "books")).unwrap();
    assert!(!text.contains("arn:"), "nothing by which KMS could be asked for it: {text}");
    assert!(world.tables.read(|engine, _| engine.keys().is_empty()));
    assert_eq!(world.table("books").unwrap().protector.key(), None);
}

/// E-31: Owned keys serve tables of many accounts. E-32: The service uses them without any permission of the customer.
#[test]
fn e_31_e_32_owned_keys_serve_many_accounts_without_permission() {
    let mut world = world();
    world.kms.set_unreachable(true);
    for account in ["111122223333", "444455556666"] {
        world.scope.account = account.parse().unwrap();
        table(&mut world, "books", &SseSpecification::owned());
        assert_eq!(read(&mut world, "books").unwrap(), SECRET);
        assert!(world.kms.keys(world.scope).is_empty());
    }
}

/// E-36: The use of owned keys cannot be audited. E-39: The use of owned keys costs nothing.
/// E-40: Owned keys count to no quota of KMS.
#[test]
fn e_36_e_39_e_40_the_use_of_an_owned_key_is_never_seen() {
    let mut world = world();
    table(&mut world, "books", &SseSpecification::owned());
    for minute in 0..60 {
        world.pass(Span::minutes(1));
        write(&mut world, "books", &format!("k{minute}"), SECRET).unwrap();
    }
    world.backup("books", "backup").unwrap();
    let table = world.name("books");
    world.input(Input::Delete { table: table.clone() }).unwrap();
    assert!(calls(&world).is_empty());
    let calls = world.tables.read(|engine, _| engine.ledger().of(&table));
    assert_eq!(calls.total(), 0);
    let prices = Prices { free_requests: 0, ..Prices::default() };
    assert_eq!(prices.bill(&Usage { requests: calls.total(), ..Usage::default() }), Bill::default());
}

/// E-37: Owned keys need no work and no change of a program.
#[test]
fn e_37_the_same_program_runs_under_every_kind_of_key() {
    let run = |sse: usize| {
        let mut world = world();
        let sse = kinds(&world)[sse].clone();
        table(&mut world, "books", &sse);
        let backup = world.backup("books", "backup").unwrap();
        world.restore(Source::Backup(backup), "copy", None).unwrap();
        read(&mut world, "copy").unwrap()
    };
    assert_eq!([run(0), run(1), run(2)], [SECRET; 3]);
}

/// E-38: An owned key has no monthly fee.
#[test]
fn e_38_an_owned_key_has_no_monthly_fee() {
    let mut world = world();
    table(&mut world, "books", &SseSpecification::owned());
    let customer_keys = world.tables.read(|engine, _| engine.keys().len()) as u64;
    assert_eq!(Prices::default().bill(&Usage { customer_keys, ..Usage::default() }).keys, 0);
    let one = Usage { customer_keys: 1, ..Usage::default() };
    assert_eq!(Prices::default().bill(&one).keys, 1_000_000, "a key of the customer's own has one");
}

/// The managed key as KMS makes it.
fn managed_key() -> Key {
    let state = State::default();
    let alias = managed::Service::named("dynamodb").unwrap().alias(world().scope).unwrap();
    managed::provision(state.at(world().now), &alias, &SeededEntropy::new(1)).unwrap().unwrap().key
}

/// Whether the root user of the account, with everything allowed on its side, may use the managed key.
fn may(action: &str, through_the_service: bool) -> bool {
    let (world, key) = (world(), managed_key());
    let account = world.scope.account;
    let (root, arn) =
        (Principal::parse(&format!("arn:aws:iam::{account}:root")).unwrap(), key.arn.to_string());
    let mut context = Context::new();
    context.insert("kms:CallerAccount", account.as_str());
    if through_the_service {
        context.insert("kms:ViaService", regional_service(world.scope.region));
    }
    let identity = IdentityPolicies { everything: true, ..IdentityPolicies::default() };
    let inquiry = Inquiry {
        principal: &root,
        action,
        resource: Resource::Key { arn: &arn, account: account.as_str(), policy: key.policy.document() },
        context: &context,
        identity: &identity,
        resource_control: &[],
        grants: &[],
        rules: Rules { key_policy: KeyPolicyRule::Counts, cross_account: CrossAccount::Never },
    };
    decide(&inquiry, &mut Budget::default()).unwrap().allowed()
}

/// E-41: The service makes, manages and uses the managed key in the customer's account.
#[test]
fn e_41_the_managed_key_is_in_the_account() {
    let mut world = world();
    table(&mut world, "books", &SseSpecification::managed());
    let keys = world.kms.keys(world.scope);
    assert_eq!(keys.len(), 1);
    assert_eq!(world.kms.manager(keys[0]), Some(Manager::Aws));
    assert_eq!(sse_of(&world, "books").unwrap().kms_master_key_arn, Some(keys[0]));
    assert_eq!(managed_key().manager, KeyManager::Aws);
}

/// E-42: The managed key can be viewed. E-43: The policy of the managed key can be viewed.
#[test]
fn e_42_e_43_the_managed_key_and_its_policy_can_be_viewed() {
    for action in ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListKeyPolicies", "kms:GetKeyRotationStatus"] {
        assert!(may(action, false), "{action}");
    }
    assert!(managed_key().policy.as_str().contains("auto-dynamodb-3"));
}

/// E-44: The use of the managed key is in CloudTrail, with the table's name in the encryption context.
#[test]
fn e_44_the_use_of_the_managed_key_is_audited() {
    let mut world = world();
    table(&mut world, "books", &SseSpecification::managed());
    let (at, call, error) = world.kms.take_calls().pop().unwrap();
    assert_eq!(error, None);
    let reply = world.kms.answer(&call, at);
    let record = audit_record(&call, &reply, at, "request", "event");
    assert_eq!(record["eventName"], "Decrypt");
    assert_eq!(record["requestParameters"]["encryptionContext"]["aws:dynamodb:tableName"], "books");
}

/// E-45: The customer cannot manage the managed key. E-46: Nor can the customer change its permissions.
#[test]
fn e_45_e_46_the_customer_cannot_manage_the_managed_key() {
    for action in [
        "kms:DisableKey",
        "kms:EnableKey",
        "kms:ScheduleKeyDeletion",
        "kms:CancelKeyDeletion",
        "kms:EnableKeyRotation",
        "kms:DisableKeyRotation",
        "kms:RotateKeyOnDemand",
        "kms:TagResource",
        "kms:UpdateKeyDescription",
        "kms:CreateAlias",
        "kms:PutKeyPolicy",
        "kms:CreateGrant",
        "kms:Decrypt",
    ] {
        assert!(!may(action, false), "{action}");
    }
    assert!(may("kms:Decrypt", true) && may("kms:CreateGrant", true), "through the service only");
    assert!(may("kms:RevokeGrant", false));
}

/// E-47: The first table under the managed key brings it into being. E-48: Later tables use the same.
#[test]
fn e_47_e_48_the_first_table_makes_the_managed_key_and_later_ones_use_it() {
    let mut world = world();
    table(&mut world, "owned", &SseSpecification::owned());
    assert!(world.kms.keys(world.scope).is_empty());
    world.request("first", &SseSpecification::managed()).unwrap();
    let first = sse_of(&world, "first").unwrap().kms_master_key_arn;
    assert!(first.is_some(), "the answer to the request has it already");
    world.request("second", &SseSpecification::managed()).unwrap();
    assert_eq!(sse_of(&world, "second").unwrap().kms_master_key_arn, first);
    assert_eq!(world.kms.keys(world.scope).len(), 1);
    assert_eq!(world.kms.alias(world.scope, MANAGED_ALIAS), first);
    world.scope.region = region("eu-west-1");
    world.request("third", &SseSpecification::managed()).unwrap();
    assert_ne!(sse_of(&world, "third").unwrap().kms_master_key_arn, first, "every Region has its own");
}

/// E-50: The policy of the managed key says who may use it: everybody in the account, through the service.
#[test]
fn e_50_the_policy_of_the_managed_key_lets_the_account_use_it_through_the_service() {
    for action in
        ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:GenerateDataKey", "kms:CreateGrant"]
    {
        assert_eq!((may(action, true), may(action, false)), (true, false), "{action}");
    }
}

/// E-51: Customer managed keys are made, owned and managed by the customer.
#[test]
fn e_51_customer_managed_keys_are_the_customers() {
    let (world, key) = books();
    assert_eq!(world.kms.manager(key), Some(Manager::Customer));
    assert_eq!(described(&world, "books").unwrap().kind, KeyKind::Customer);
    assert_eq!(key.scope, world.scope);
}

/// E-52: The customer changes policies and grants of a key in use; the table feels it when it next needs the key.
/// E-53: KMS disables and enables a key whatever table uses it.
#[test]
fn e_52_e_53_a_key_in_use_is_under_the_customers_control() {
    let (mut world, key) = books();
    let user = world.user("x");
    world.get("books", "k", (&user, Some(1))).unwrap();
    world.kms.deny(key, &user.arn, "Decrypt", world.now);
    world.pass(Span::minutes(4));
    assert!(world.get("books", "k", (&user, Some(1))).is_ok(), "until the next refresh");
    world.pass(Span::minutes(1));
    assert_eq!(world.get("books", "k", (&user, Some(1))).unwrap_err().code, "AccessDeniedException");
    world.kms.allow_all(key, world.now);
    assert!(world.get("books", "k", (&user, Some(1))).is_ok());
    world.kms.disable(key, world.now);
    is_disabled(read(&mut world, "books"), key);
    world.kms.enable(key, world.now);
    assert!(read(&mut world, "books").is_ok());
}

/// E-54: A key in use can be rotated: the table keeps working, and nothing is encrypted anew.
#[test]
fn e_54_a_key_in_use_can_be_rotated() {
    let (mut world, key) = books();
    let before = world.table("books").unwrap();
    world.kms.rotate(key, world.now);
    world.pass(Span::minutes(50));
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
    let after = world.table("books").unwrap();
    assert_eq!((after.key, after.data_keys, after.grants), (before.key, before.data_keys, before.grants));
    assert_eq!(after.status, Status::Active);
}

/// E-55: Tags of a key do not concern its tables.
/// Modelled: a change of tags is a report that the key has changed, and nothing else.
#[test]
fn e_55_tags_of_a_key_do_not_concern_its_tables() {
    let (mut world, key) = books();
    let now = world.now;
    world.input(Input::KeyChanged { key, at: now }).unwrap();
    world.pass(Span::minutes(50));
    assert_eq!(status(&world, "books"), "ACTIVE");
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
}

/// E-56: An alias counts when the key is chosen; that it names another key later moves no table.
#[test]
fn e_56_an_alias_is_resolved_once() {
    let mut world = world();
    let (first, second) = (key(&world), key(&world));
    world.kms.set_alias(world.scope, "alias/books", first);
    table(&mut world, "books", &SseSpecification::kms("alias/books"));
    world.kms.set_alias(world.scope, "alias/books", second);
    world.pass(Span::minutes(50));
    assert_eq!(sse_of(&world, "books").unwrap().kms_master_key_arn, Some(first));
    world.kms.disable(second, world.now);
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
}

/// E-57: The deletion of a key in use can be scheduled, and its table becomes inaccessible.
#[test]
fn e_57_the_deletion_of_a_key_in_use_can_be_scheduled() {
    let (mut world, key) = books();
    world.kms.schedule_deletion(key, 30, world.now);
    world.pass(DETECTED);
    assert_eq!(status(&world, "books"), "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    let refusal = read(&mut world, "books").unwrap_err();
    assert!(refusal.message.contains("KMSInvalidStateException"), "{refusal}");
}

/// E-58: Who chooses a customer managed key needs permissions on it; without them the table is refused.
#[test]
fn e_58_who_chooses_a_key_needs_permissions_on_it() {
    for action in ["DescribeKey", "CreateGrant"] {
        let mut world = world();
        let key = key(&world);
        world.kms.deny(key, &world.root().arn, action, world.now);
        let refusal = world.request("books", &under(key)).unwrap_err();
        assert_eq!((refusal.status, refusal.code.as_str()), (400, "AccessDeniedException"));
        let said =
            format!("is not authorized to perform: kms:{action} on resource: {key} with an explicit deny");
        assert!(refusal.message.contains(&said), "{refusal}");
        assert_eq!(status(&world, "books"), "gone");
        assert!(world.kms.grants(key).is_empty());
    }
}
