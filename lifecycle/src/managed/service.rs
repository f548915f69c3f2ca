//! The services that have keys of their own, and what is particular to each.

use super::policy::{Statement, access, anywhere, describe, grant_and_use, metadata, of_certificates};
use crate::ids::{AliasName, Scope};

/// A service with a predefined alias.
pub struct Service {
    /// Its name in the alias: `dynamodb` in `alias/aws/dynamodb`.
    pub name: &'static str,
    /// Its name as a principal, and in `kms:ViaService`, up to the first dot. EBS is a part of EC2.
    pub principal: &'static str,
    /// What its key protects, in the words of the key's description.
    pub(super) protects: &'static str,
    /// The `Id` of the policy of its key in a customer's account.
    pub(super) policy_id: &'static str,
    /// The statements of that policy.
    pub(super) statements: fn(Scope) -> Vec<Statement>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Service {
    /// The service of a predefined alias.
    #[must_use]
    pub fn of_alias(name: &AliasName) -> Option<&'static Service> {
        Self::named(name.as_str().strip_prefix("alias/aws/")?)
    }

    /// The service whose alias is `alias/aws/{name}`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Service> {
        let at = SERVICES.binary_search_by(|service| service.name.cmp(name)).ok()?;
        SERVICES.get(at)
    }

    /// Its name as a principal: `dynamodb.amazonaws.com`.
    #[must_use]
    pub fn principal(&self) -> String {
        format!("{}.amazonaws.com", self.principal)
    }

    /// The description of its key.
    ///
    /// AWS (observed): this form, for keys of customers. That of AWS owned keys nobody has seen.
    pub(super) fn description(&self, scope: Scope) -> String {
        match scope.account.is_aws() {
            true => format!("AWS owned key of {}", self.principal()),
            false => format!("Default key that protects my {} when no other key is defined", self.protects),
        }
    }
}

const ENCRYPT: &str = "kms:Encrypt";
const DECRYPT: &str = "kms:Decrypt";
const RE_ENCRYPT: &str = "kms:ReEncrypt*";
const DATA_KEYS: &str = "kms:GenerateDataKey*";
const CREATE_GRANT: &str = "kms:CreateGrant";
const LIST_GRANTS: &str = "kms:ListGrants";
const DESCRIBE: &str = "kms:DescribeKey";

/// The use of a key, and grants of it.
const USE: &[&str] = &[ENCRYPT, DECRYPT, RE_ENCRYPT, DATA_KEYS, CREATE_GRANT, DESCRIBE];
/// The use of a key by services that list its grants, too.
const USE_AND_LIST: &[&str] = &[ENCRYPT, DECRYPT, RE_ENCRYPT, DATA_KEYS, CREATE_GRANT, LIST_GRANTS, DESCRIBE];
/// The use of a key by services that need no grants.
const USE_ONLY: &[&str] = &[ENCRYPT, DECRYPT, RE_ENCRYPT, DATA_KEYS, DESCRIBE];

/// The usual policy: through the service, all principals of the account; metadata, the account.
fn usual(title: &str, principal: &str, scope: Scope) -> Vec<Statement> {
    grant_and_use(title, principal, USE, scope)
}

/// A service that is the same word in its alias, as a principal and in the id of its policy.
macro_rules! service {
    ($name:literal, $protects:literal, $policy_id:literal, $statements:expr) => {
        service!($name, $name, $protects, $policy_id, $statements)
    };
    ($name:literal, $principal:literal, $protects:literal, $policy_id:literal, $statements:expr) => {
        Service {
            name: $name,
            principal: $principal,
            protects: $protects,
            policy_id: $policy_id,
            statements: $statements,
        }
    };
}

/// Every service, by name. AWS has more, and adds to them.
///
/// AWS (observed): aliases, descriptions and policies, of most services. Not seen were the policies of Glue, Kinesis,
/// Kinesis Video Streams, Redshift and X-Ray, which are taken to be the usual one, and the descriptions of Kinesis and
/// Redshift.
pub static SERVICES: &[Service] = &[
    service!("acm", "ACM private keys", "auto-acm-4", of_certificates),
    service!("backup", "Backup data", "auto-backup-1", |scope| {
        let sid = "Allow access through Backup for all principals in the account that are authorized to use Backup \
                   Storage";
        vec![access(sid, "backup", &[CREATE_GRANT, DECRYPT, DATA_KEYS], scope), metadata(true, scope)]
    }),
    // AWS: DynamoDB developer guide, "DynamoDB encryption at rest: How it works", AWS managed key; (observed) its
    // newest version, which lets any Region's DynamoDB through.
    service!("dynamodb", "DynamoDB data", "auto-dynamodb-3", |scope| {
        let sid = "Allow access through Amazon DynamoDB for all principals in the account that are authorized to \
                   use Amazon DynamoDB";
        vec![
            anywhere(sid, "dynamodb", USE, scope),
            metadata(true, scope),
            describe("Allow DynamoDB to directly describe the key", "dynamodb.amazonaws.com"),
        ]
    }),
    service!("ebs", "ec2", "EBS volumes", "auto-ebs-2", |scope| usual("EBS", "ec2", scope)),
    // AWS: EFS user guide, "Encrypting data at rest", AWS managed key.
    service!("elasticfilesystem", "EFS filesystems", "auto-elasticfilesystem-1", |scope| {
        let sid = "Allow access to EFS for all principals in the account that are authorized to use EFS";
        vec![access(sid, "elasticfilesystem", USE, scope), metadata(true, scope)]
    }),
    service!(
        "es",
        "Amazon OpenSearch Service (successor to Amazon Elasticsearch Service) data",
        "auto-es-2",
        |scope| {
            let mut statements = usual("OpenSearch Service", "es", scope);
            let sid = "Allow OpenSearch service principals to describe the key directly";
            statements.push(describe(sid, "es.amazonaws.com"));
            statements
        }
    ),
    service!("glue", "Glue data", "auto-glue-1", |scope| usual("Glue", "glue", scope)),
    service!("kafka", "Kafka data", "auto-kafka-1", |scope| {
        grant_and_use("Kafka", "kafka", USE_AND_LIST, scope)
    }),
    service!("kinesis", "Kinesis data", "auto-kinesis-1", |scope| usual("Kinesis", "kinesis", scope)),
    service!("kinesisvideo", "kinesis video data", "auto-kinesisvideo-1", |scope| {
        usual("Kinesis Video Streams", "kinesisvideo", scope)
    }),
    service!("lambda", "Lambda functions", "auto-awslambda", |scope| usual("AWS Lambda", "lambda", scope)),
    service!("rds", "RDS database volumes", "auto-rds-2", |scope| {
        grant_and_use("RDS", "rds", USE_AND_LIST, scope)
    }),
    service!("redshift", "Redshift data", "auto-redshift-1", |scope| usual("Redshift", "redshift", scope)),
    service!("s3", "S3 objects", "auto-s3-2", |scope| {
        let sid = "Allow access through S3 for all principals in the account that are authorized to use S3";
        vec![access(sid, "s3", USE_ONLY, scope), metadata(false, scope)]
    }),
    // AWS: Secrets Manager user guide, "Secret encryption and decryption", AWS managed key.
    service!("secretsmanager", "Secrets Manager data", "auto-secretsmanager-2", |scope| {
        let sid = "Allow access through AWS Secrets Manager for all principals in the account that are authorized to \
                   use AWS Secrets Manager";
        let uses = &[ENCRYPT, DECRYPT, RE_ENCRYPT, CREATE_GRANT, DESCRIBE];
        vec![
            access(sid, "secretsmanager", uses, scope),
            anywhere(sid, "secretsmanager", &[DATA_KEYS], scope),
            metadata(true, scope),
        ]
    }),
    service!("sns", "SNS data", "auto-sns-1", |scope| {
        grant_and_use("SNS", "sns", &[DECRYPT, DATA_KEYS, CREATE_GRANT, LIST_GRANTS, DESCRIBE], scope)
    }),
    service!("sqs", "SQS messages", "auto-sqs-1", |scope| {
        let sid = "Allow access through Simple Queue Service (SQS) for all principals in the account that are \
                   authorized to use SQS";
        vec![access(sid, "sqs", USE, scope), metadata(true, scope)]
    }),
    service!("ssm", "SSM parameters", "auto-ssm-1", |scope| {
        let sid = "Allow access through SSM for all principals in the account that are authorized to use SSM";
        vec![access(sid, "ssm", USE_ONLY, scope), metadata(false, scope)]
    }),
    service!("xray", "X-Ray data", "auto-xray-1", |scope| usual("X-Ray", "xray", scope)),
];
