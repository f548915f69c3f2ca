//! Who calls, from where, when, and through which service.

use super::*;

pub(super) fn cases(world: &World) -> Vec<Case> {
    let mut cases = principals(world);
    cases.extend(surroundings(world));
    cases.extend(services());
    cases
}

fn principals(_: &World) -> Vec<Case> {
    let equals = |key: &str, value: &str| json!({"StringEquals": {key: value}});
    let is = |key: &str, value: &str, meets: Somebody, misses: &[Somebody]| {
        let misses = misses.iter().map(|somebody| plain().by(*somebody));
        case("Encrypt", equals(key, value), [plain().by(meets)], misses.collect::<Vec<_>>())
    };
    let like = |key: &str, value: &str, meets: Somebody, misses: Somebody| {
        let condition = json!({"ArnLike": {key: value}});
        case("Encrypt", condition, [plain().by(meets)], [plain().by(misses)])
    };
    let paths =
        json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/*/ou-ab12-11111111/*"}});
    let absent = |key: &str| case("Encrypt", json!({"Null": {key: "true"}}), [plain(), plain().by(APP)], []);
    vec![
        is("kms:CallerAccount", ACCOUNT, ALICE, &[CAROL]),
        is("kms:CallerAccount", OTHER, CAROL, &[ALICE]),
        case("ListKeys", json!({"Null": {"kms:CallerAccount": "true"}}), [plain()], []),
        case("CreateKey", equals("kms:CallerAccount", ACCOUNT), [plain()], [plain().by(CAROL)]),
        case("CreateCustomKeyStore", equals("kms:CallerAccount", ACCOUNT), [plain()], [plain().by(CAROL)]),
        is("aws:PrincipalAccount", ACCOUNT, APP, &[CAROL]),
        is("aws:PrincipalArn", ALICE.arn, ALICE, &[APP, CAROL]),
        // AWS: of a session the ARN of its role.
        like("aws:PrincipalArn", "arn:aws:iam::*:role/app", APP, ALICE),
        is("aws:PrincipalType", "AssumedRole", APP, &[ALICE]),
        is("aws:PrincipalType", "User", ALICE, &[APP]),
        is("aws:username", "alice", ALICE, &[CAROL, APP]),
        case(
            "Encrypt",
            json!({"StringLike": {"aws:userid": "AROA*:deploy"}}),
            [plain().by(APP)],
            [plain(), plain().by(CAROL)],
        ),
        is("aws:PrincipalTag/department", "ALICE", ALICE, &[CAROL, APP]),
        is("aws:PrincipalOrgID", ORGANIZATION, ALICE, &[CAROL]),
        case("Encrypt", paths, [plain()], [plain().by(CAROL)]),
        case("Encrypt", json!({"Null": {"aws:PrincipalServiceName": "true"}}), [plain()], [service("logs")]),
        case(
            "Encrypt",
            json!({"Bool": {"aws:PrincipalIsAWSService": "false"}}),
            [plain()],
            [service("logs")],
        ),
        // AWS: only temporary credentials have these; a configured key of a session is none.
        absent("aws:MultiFactorAuthPresent"),
        absent("aws:TokenIssueTime"),
        absent("aws:SourceIdentity"),
        absent("aws:FederatedProvider"),
        case("Encrypt", json!({"Bool": {"aws:MultiFactorAuthPresent": ["true", "false"]}}), [], [plain()]),
        case("Encrypt", json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}), [plain()], []),
    ]
}

fn surroundings(world: &World) -> Vec<Case> {
    let later = || Call { days: 10, ..plain() };
    let from = |address| Call { connection: (address, Transport::Plain), ..plain() };
    let encrypted = || Call { connection: ("192.0.2.1", Transport::Tls), ..plain() };
    let before = "2026-01-05T00:00:00Z";
    let abroad = |operation| Call { region: "eu-west-1", ..with(world.key.request(operation)) };
    vec![
        case("Encrypt", json!({"DateLessThan": {"aws:CurrentTime": before}}), [plain()], [later()]),
        case("Encrypt", json!({"DateGreaterThan": {"aws:CurrentTime": before}}), [later()], [plain()]),
        case("Encrypt", json!({"DateLessThan": {"aws:EpochTime": before}}), [plain()], [later()]),
        case("Encrypt", json!({"NumericLessThan": {"aws:EpochTime": "1767571200"}}), [plain()], [later()]),
        case(
            "Encrypt",
            json!({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"]}}),
            [from("203.0.113.7"), from("2001:db8::7")],
            [
                from("198.51.100.7"),
                from("2001:db9::7"),
                Call { headers: via("dynamodb").headers, ..from("203.0.113.7") },
                Call { headers: service("logs").headers, ..from("203.0.113.7") },
            ],
        ),
        case(
            "Encrypt",
            json!({"StringEquals": {"aws:SourceVpc": "vpc-1a2b"}}),
            [through(&[("x-kms-source-vpc", "vpc-1a2b")])],
            [
                plain(),
                through(&[("x-kms-source-vpc", "vpc-1a2c")]),
                through(&[("x-kms-source-vpce", "vpce-1a2b")]),
            ],
        ),
        case(
            "Encrypt",
            json!({"StringEquals": {"aws:SourceVpce": "vpce-1a2b"}}),
            [through(&[("x-kms-source-vpce", "vpce-1a2b")])],
            [
                plain(),
                through(&[("x-kms-source-vpce", "vpce-1a2c")]),
                through(&[("x-kms-source-vpce", "vpce-1a2b"), ("x-kms-via-service", "s3")]),
                through(&[("x-kms-source-vpce", "vpce-1a2b"), ("x-kms-service", "logs")]),
            ],
        ),
        case(
            "Encrypt",
            json!({"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}),
            [through(&[("x-kms-source-vpce", "vpce-1a2b"), ("x-kms-vpc-source-ip", "10.1.2.3")])],
            [plain(), through(&[("x-kms-vpc-source-ip", "192.0.2.1")]), from("10.1.2.3")],
        ),
        // AWS: whoever comes through an endpoint has no public address.
        case(
            "Encrypt",
            json!({"IpAddress": {"aws:SourceIp": "192.0.2.1"}}),
            [plain()],
            [through(&[("x-kms-source-vpce", "vpce-1a2b")])],
        ),
        case("Encrypt", json!({"Bool": {"aws:SecureTransport": "true"}}), [encrypted()], [plain()]),
        case("Encrypt", json!({"Bool": {"aws:SecureTransport": "false"}}), [plain()], [encrypted()]),
        case(
            "Encrypt",
            json!({"StringLike": {"aws:UserAgent": "tool/*"}}),
            [plain().header("user-agent", "tool/1.2")],
            [plain(), plain().header("user-agent", "other")],
        ),
        case(
            "ListKeys",
            json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}),
            [abroad("ListKeys")],
            [plain()],
        ),
    ]
}

/// A request through a VPC endpoint.
fn through(headers: &[(&'static str, &str)]) -> Call {
    headers.iter().fold(plain(), |call, (name, value)| call.header(name, *value))
}

/// A request that a service forwards.
fn via(service: &str) -> Call {
    plain().header("x-kms-via-service", service)
}

/// A request of a service for itself; it names the key by its ARN.
fn service(name: &str) -> Call {
    plain().header("x-kms-service", name)
}

fn services() -> Vec<Case> {
    let equals = |key: &str, value: &str| json!({"StringEquals": {key: value}});
    let via_dynamodb = |condition: Value| case("Encrypt", condition, [via("dynamodb")], [plain(), via("s3")]);
    let by_logs = |condition: Value| case("Encrypt", condition, [service("logs")], [plain(), service("s3")]);
    let name = "dynamodb.us-east-1.amazonaws.com";
    let function = "arn:aws:lambda:us-east-1:111122223333:function:f";
    let of = |arn: &str| service("lambda").header("x-kms-source-arn", arn);
    let of_account = |account: &str| service("lambda").header("x-kms-source-account", account);
    let names_list =
        json!({"ForAnyValue:StringEquals": {"aws:PrincipalServiceNamesList": "logs.amazonaws.com"}});
    let paths = json!({"ForAnyValue:StringEquals": {"aws:SourceOrgPaths": ORGANIZATION_PATH}});
    vec![
        via_dynamodb(equals("kms:ViaService", name)),
        via_dynamodb(json!({"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"}})),
        case("CreateKey", equals("kms:ViaService", name), [via("dynamodb.amazonaws.com")], [plain()]),
        case("ListKeys", json!({"Null": {"kms:ViaService": "true"}}), [via("dynamodb"), plain()], []),
        case(
            "Encrypt",
            json!({"Bool": {"aws:ViaAWSService": "true"}}),
            [via("s3")],
            [plain(), service("s3")],
        ),
        via_dynamodb(json!({"ForAnyValue:StringEquals": {"aws:CalledVia": "dynamodb.amazonaws.com"}})),
        via_dynamodb(equals("aws:CalledViaFirst", "dynamodb.amazonaws.com")),
        via_dynamodb(equals("aws:CalledViaLast", "dynamodb.amazonaws.com")),
        by_logs(equals("aws:PrincipalServiceName", "logs.amazonaws.com")),
        by_logs(names_list),
        case("Encrypt", json!({"Bool": {"aws:PrincipalIsAWSService": "true"}}), [service("logs")], [plain()]),
        // AWS: services have none of these.
        case("Encrypt", json!({"Null": {"kms:CallerAccount": "true"}}), [service("logs")], [plain()]),
        case("Encrypt", json!({"Null": {"aws:PrincipalAccount": "true"}}), [service("logs")], [plain()]),
        case(
            "Encrypt",
            json!({"ArnLike": {"aws:SourceArn": "arn:aws:lambda:*:111122223333:function:*"}}),
            [of(function), via("lambda").header("x-kms-source-arn", function)],
            [of("arn:aws:lambda:us-east-1:444455556666:function:f"), service("lambda"), plain()],
        ),
        case(
            "Encrypt",
            equals("aws:SourceAccount", ACCOUNT),
            [of_account(ACCOUNT)],
            [of_account(OTHER), service("lambda"), plain()],
        ),
        case("Encrypt", equals("aws:SourceOrgID", ORGANIZATION), [of_account(ACCOUNT)], [of_account(OTHER)]),
        case("Encrypt", paths, [of_account(ACCOUNT)], [of_account(OTHER)]),
    ]
}
