//! The parameters of the request.

use super::super::super::recipient::recipient;
use super::super::super::subject::ROLE;
use super::*;

pub(super) fn cases(world: &World) -> Vec<Case> {
    let mut cases = contexts();
    cases.extend(algorithms(world));
    cases.extend(management());
    cases.extend(imports());
    cases.extend(grants(world));
    cases.extend(attestations());
    cases
}

fn equals(key: &str, value: &str) -> Value {
    json!({"StringEquals": {key: value}})
}

fn null(key: &str, absent: bool) -> Value {
    json!({"Null": {key: absent.to_string()}})
}

/// The parameter of a request that a condition key is, or the one value that the request can have.
fn parameter(operation: &'static str, key: &str, member: &str, meets: &str, misses: &str) -> Case {
    let with = |value: &str| with(json!({member: value}));
    case(operation, equals(key, meets), [with(meets)], [with(misses)])
}

/// The right enclave, another one, and a TPM with the same measurements.
static RECIPIENTS: LazyLock<[Value; 3]> = LazyLock::new(|| {
    let (mut other, mut tpm) = (ENCLAVE.clone(), ENCLAVE.clone());
    other.pcrs = other.pcrs.into_keys().map(|index| (index, vec![0xff; 48])).collect();
    tpm.platform = Platform::NitroTpm;
    [recipient(&ENCLAVE), recipient(&other), recipient(&tpm)]
});

/// AWS: "AWS KMS condition keys for attested platforms".
fn attestations() -> Vec<Case> {
    let [enclave, other, tpm] = RECIPIENTS.clone().map(|recipient| with(json!({"Recipient": recipient})));
    let asks = |name: &str, byte: &str| json!({"StringEqualsIgnoreCase": {format!("kms:RecipientAttestation:{name}"): byte.repeat(48)}});
    let mut cases = Vec::new();
    for operation in
        ["Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair", "GenerateRandom"]
    {
        for condition in [asks("ImageSha384", "00"), asks("PCR8", "08")] {
            let miss = [other.clone(), tpm.clone(), plain()];
            cases.push(case(operation, condition, [enclave.clone()], miss));
        }
        let miss = [enclave.clone(), plain()];
        cases.push(case(operation, asks("NitroTPMPCR8", "08"), [tpm.clone()], miss));
    }
    cases
}

fn contexts() -> Vec<Case> {
    // AWS: the name of a condition key, and with it that of the pair, in either case; its value as it is.
    let dept = equals("kms:EncryptionContext:Dept", "IT");
    let like = json!({"StringLike": {"kms:EncryptionContext:dept": "I*"}});
    let all = json!({
        "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["a", "b"]},
        "Null": {"kms:EncryptionContextKeys": "false"},
    });
    let any = json!({"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "a"}});
    let mut cases = Vec::new();
    for operation in [
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
    ] {
        let of = |pairs: Value| with(json!({"EncryptionContext": pairs}));
        let meet = [of(json!({"dept": "IT"})), of(json!({"Dept": "IT", "a": "b"}))];
        let miss = [of(json!({"dept": "it"})), of(json!({"dep": "IT"})), plain()];
        cases.push(case(operation, dept.clone(), meet, miss.clone()));
        cases.push(case(operation, like.clone(), [of(json!({"DEPT": "II"}))], [miss[0].clone()]));
        let miss = [of(json!({"a": "x", "c": "x"})), of(json!({"A": "x"})), plain()];
        cases.push(case(
            operation,
            all.clone(),
            [of(json!({"a": "x"})), of(json!({"a": "x", "b": "x"}))],
            miss,
        ));
        let miss = [of(json!({"A": "x"})), of(json!({"b": "x"})), plain()];
        cases.push(case(operation, any.clone(), [of(json!({"a": "x", "c": "x"}))], miss));
    }
    for (member, action) in [
        ("SourceEncryptionContext", "kms:ReEncryptFrom"),
        ("DestinationEncryptionContext", "kms:ReEncryptTo"),
    ] {
        let of = |member: &str, value: &str| with(json!({member: {"dept": value}}));
        let wrong_side = if action == "kms:ReEncryptTo" {
            "SourceEncryptionContext"
        } else {
            "DestinationEncryptionContext"
        };
        let miss = [of(member, "HR"), of(wrong_side, "IT"), plain()];
        cases.push(Case { action, ..case("ReEncrypt", dept.clone(), [of(member, "IT")], miss) });
    }
    // The pairs of a grant's constraint.
    for kind in ["EncryptionContextEquals", "EncryptionContextSubset"] {
        let of = |pairs: Value| with(json!({"Constraints": {kind: pairs}}));
        let meet = [of(json!({"dept": "IT"}))];
        cases.push(case("CreateGrant", dept.clone(), meet, [of(json!({"dept": "HR"})), plain()]));
        let miss = [of(json!({"a": "x", "c": "x"})), plain()];
        cases.push(case("CreateGrant", all.clone(), [of(json!({"a": "x", "b": "x"}))], miss));
    }
    cases
}

fn algorithms(world: &World) -> Vec<Case> {
    let symmetric = || equals("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
    let rsa = |member: &str| with(json!({member: "RSAES_OAEP_SHA_256"}));
    let mut cases = Vec::new();
    for operation in ["Encrypt", "Decrypt"] {
        cases.push(case(operation, symmetric(), [plain()], [rsa("EncryptionAlgorithm")]));
    }
    for (member, action) in [
        ("SourceEncryptionAlgorithm", "kms:ReEncryptFrom"),
        ("DestinationEncryptionAlgorithm", "kms:ReEncryptTo"),
    ] {
        cases.push(Case { action, ..case("ReEncrypt", symmetric(), [plain()], [rsa(member)]) });
    }
    for operation in [
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
    ] {
        cases.push(case(operation, symmetric(), [plain()], []));
        cases.push(case(operation, equals("kms:EncryptionAlgorithm", "RSAES_OAEP_SHA_1"), [], [plain()]));
    }
    for operation in ["Sign", "Verify"] {
        let (key, member) = ("kms:SigningAlgorithm", "SigningAlgorithm");
        cases.push(parameter(operation, key, member, "ECDSA_SHA_256", "ECDSA_SHA_384"));
        let digest = || with(json!({"MessageType": "DIGEST"}));
        cases.push(case(operation, equals("kms:MessageType", "RAW"), [plain()], [digest()]));
        cases.push(case(operation, equals("kms:MessageType", "DIGEST"), [digest()], [plain()]));
    }
    for operation in ["GenerateMac", "VerifyMac"] {
        let (key, member) = ("kms:MacAlgorithm", "MacAlgorithm");
        cases.push(parameter(operation, key, member, "HMAC_SHA_384", "HMAC_SHA_512"));
    }
    for operation in ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"] {
        cases.push(parameter(operation, "kms:DataKeyPairSpec", "KeyPairSpec", "RSA_2048", "RSA_4096"));
    }
    let elsewhere = || with(json!({"DestinationKeyId": world.other.id}));
    cases.extend([
        case("DeriveSharedSecret", equals("kms:KeyAgreementAlgorithm", "ECDH"), [plain()], []),
        case("DeriveSharedSecret", equals("kms:KeyAgreementAlgorithm", "DH"), [], [plain()]),
        case("ReEncrypt", json!({"Bool": {"kms:ReEncryptOnSameKey": "true"}}), [plain()], [elsewhere()]),
        case("ReEncrypt", json!({"Bool": {"kms:ReEncryptOnSameKey": "false"}}), [elsewhere()], [plain()]),
    ]);
    cases
}

fn management() -> Vec<Case> {
    const BYPASS: &str = "kms:BypassPolicyLockoutSafetyCheck";
    let mut cases = Vec::new();
    for operation in ["CreateKey", "PutKeyPolicy"] {
        // With a policy that locks nobody out.
        let policy = json!({"Statement": [delegation(), to("Allow", "kms:*", ALICE.arn)]}).to_string();
        let without = || with(json!({"Policy": policy.clone()}));
        let bypass = |bypass: bool| {
            with(json!({"Policy": policy.clone(), BYPASS.strip_prefix("kms:").unwrap(): bypass}))
        };
        let is = |value: &str| json!({"Bool": {BYPASS: value}});
        cases.extend([
            case(operation, is("true"), [bypass(true)], [bypass(false), without()]),
            case(operation, is("false"), [bypass(false)], [bypass(true), without()]),
            case(operation, null(BYPASS, true), [without()], [bypass(true), bypass(false)]),
        ]);
    }
    for operation in ["GetKeyPolicy", "PutKeyPolicy"] {
        let named = |name: &str| {
            let policy = json!({"Statement": to("Allow", "kms:*", ALICE.arn)}).to_string();
            let name = if name.is_empty() { json!({}) } else { json!({"PolicyName": name}) };
            let mut members = name;
            if operation == "PutKeyPolicy" {
                members["Policy"] = policy.into();
            }
            with(members)
        };
        let default = equals("kms:PolicyName", "default");
        cases.push(case(operation, default, [named(""), named("default")], [named("other")]));
    }
    let days = |key: &str, days: &str| json!({"NumericEquals": {key: days}});
    let (window, period) = ("kms:ScheduleKeyDeletionPendingWindowInDays", "kms:RotationPeriodInDays");
    let windows = |days: u32| with(json!({"PendingWindowInDays": days}));
    let periods = |days: u32| with(json!({"RotationPeriodInDays": days}));
    cases.extend([
        case("ScheduleKeyDeletion", days(window, "30"), [plain(), windows(30)], [windows(7)]),
        case("ScheduleKeyDeletion", days(window, "7"), [windows(7)], [plain(), windows(30)]),
        case("EnableKeyRotation", days(period, "365"), [plain(), periods(365)], [periods(90)]),
        case("EnableKeyRotation", days(period, "90"), [periods(90)], [plain(), periods(365)]),
    ]);
    // The key was used when it was made.
    let unused = json!({"NumericGreaterThanEquals": {"kms:TrailingDaysWithoutKeyUsage": "30"}});
    let after = |days| Call { days, ..plain() };
    for operation in ["DisableKey", "ScheduleKeyDeletion"] {
        cases.push(case(operation, unused.clone(), [after(30), after(100)], [plain(), after(29)]));
    }
    let (replica, primary) = ("kms:ReplicaRegion", "kms:PrimaryRegion");
    let replicate = parameter("ReplicateKey", replica, "ReplicaRegion", "eu-west-1", "eu-north-1");
    cases.push(Case { action: "kms:ReplicateKey", ..replicate });
    cases.push(parameter("UpdatePrimaryRegion", primary, "PrimaryRegion", "eu-west-1", "eu-north-1"));
    cases
}

fn imports() -> Vec<Case> {
    const EXPIRES: &str = "KEY_MATERIAL_EXPIRES";
    const STAYS: &str = "KEY_MATERIAL_DOES_NOT_EXPIRE";
    // 9 January and 28 May 2026.
    let until = |at: u32| with(json!({"ExpirationModel": EXPIRES, "ValidTo": at}));
    // Material expires by default.
    let unsaid = |at: u32| with(json!({"ExpirationModel": null, "ValidTo": at}));
    let (early, late) = (1_767_916_800, 1_779_926_400);
    let soon = json!({"DateLessThan": {"kms:ValidTo": "2026-02-01T00:00:00Z"}});
    let stays = || with(json!({"ExpirationModel": STAYS}));
    let parameters = |key: &str, member: &str, meets: &str, misses: &str| {
        parameter("GetParametersForImport", key, member, meets, misses)
    };
    vec![
        case(
            "ImportKeyMaterial",
            equals("kms:ExpirationModel", EXPIRES),
            [until(early)],
            [stays(), unsaid(early)],
        ),
        // AWS: present only if the parameter is, whatever it defaults to.
        case(
            "ImportKeyMaterial",
            null("kms:ExpirationModel", true),
            [unsaid(early)],
            [until(early), stays()],
        ),
        case("ImportKeyMaterial", null("kms:ValidTo", true), [stays()], [until(early)]),
        case("ImportKeyMaterial", soon, [until(early)], [until(late), stays(), unsaid(late)]),
        parameters(
            "kms:WrappingAlgorithm",
            "WrappingAlgorithm",
            "RSAES_OAEP_SHA_1",
            "RSA_AES_KEY_WRAP_SHA_256",
        ),
        parameters("kms:WrappingKeySpec", "WrappingKeySpec", "RSA_4096", "RSA_3072"),
    ]
}

fn grants(world: &World) -> Vec<Case> {
    const LOGS: &str = "logs.amazonaws.com";
    const GROUP: &str = "arn:aws:logs:us-east-1:111122223333:log-group:a";
    let constrained = |constraints: Value| with(json!({"Constraints": constraints}));
    let type_is = |kind: &str| equals("kms:GrantConstraintType", kind);
    let by_equality = || constrained(json!({"EncryptionContextEquals": {"a": "b"}}));
    let by_subset = || constrained(json!({"EncryptionContextSubset": {"a": "b"}}));
    let source = |arn: &str| constrained(json!({"SourceArn": arn}));
    let operations = |operations: &[&str]| with(json!({"Operations": operations}));
    let all = json!({"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}});
    let any = json!({"ForAnyValue:StringEquals": {"kms:GrantOperations": ["Decrypt"]}});
    // To a service, which needs more.
    let to_service = |grantee: &str, retiring: &str| {
        with(json!({
            "GranteePrincipal": null,
            "GranteeServicePrincipal": grantee,
            "RetiringServicePrincipal": retiring,
            "Constraints": {"SourceArn": GROUP},
        }))
    };
    let of_logs = || to_service(LOGS, LOGS);
    let other = "arn:aws:iam::111122223333:role/other";
    let retiring = |arn: &str| with(json!({"RetiringPrincipal": arn}));
    let mut cases = vec![
        case(
            "CreateGrant",
            type_is("EncryptionContextEquals"),
            [by_equality()],
            [by_subset(), source(GROUP), plain()],
        ),
        case("CreateGrant", type_is("EncryptionContextSubset"), [by_subset()], [by_equality(), plain()]),
        case(
            "CreateGrant",
            json!({"ArnLike": {"kms:GrantConstraintSourceArn": "arn:aws:logs:*:111122223333:*"}}),
            [source(GROUP)],
            [source("arn:aws:sns:us-east-1:111122223333:a"), plain()],
        ),
        case(
            "CreateGrant",
            all,
            [operations(&["Encrypt"]), operations(&["Decrypt", "Encrypt"])],
            [operations(&["Encrypt", "GenerateDataKey"]), plain()],
        ),
        case("CreateGrant", any, [operations(&["Encrypt", "Decrypt"])], [operations(&["Encrypt"])]),
        parameter("CreateGrant", "kms:GranteePrincipal", "GranteePrincipal", ROLE, other),
        case(
            "CreateGrant",
            equals("kms:RetiringPrincipal", ROLE),
            [retiring(ROLE)],
            [retiring(other), plain()],
        ),
        case(
            "CreateGrant",
            equals("kms:GranteeServicePrincipal", LOGS),
            [of_logs()],
            [to_service("sns.amazonaws.com", LOGS), plain()],
        ),
        case(
            "CreateGrant",
            equals("kms:RetiringServicePrincipal", LOGS),
            [of_logs()],
            [to_service(LOGS, "sns.amazonaws.com"), plain()],
        ),
        case("CreateGrant", null("kms:GranteePrincipal", true), [of_logs()], [plain()]),
        // AWS: of the keys of a key, retiring knows those of its aliases and tags.
        case("RetireGrant", null("kms:KeySpec", true), [plain()], []),
        case("RetireGrant", equals("kms:CallerAccount", ACCOUNT), [plain()], []),
        case(
            "RetireGrant",
            equals("aws:ResourceTag/team", "blue"),
            [plain()],
            [with(json!({"KeyId": world.other.id, "GrantId": world.other.grant}))],
        ),
    ];
    for operation in ["CreateGrant", "ListGrants", "RevokeGrant"] {
        let via = || plain().header("x-kms-via-service", "dynamodb");
        let is = |value: &str| json!({"Bool": {"kms:GrantIsForAWSResource": value}});
        cases.push(case(operation, is("true"), [via()], [plain()]));
        cases.push(case(operation, is("false"), [plain()], [via()]));
    }
    cases
}
