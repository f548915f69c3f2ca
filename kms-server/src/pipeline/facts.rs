//! The facts that conditions and policy variables look at: the `kms:` and `aws:` condition keys of a request.
//!
//! They are gathered only when a policy asks, and take effective values where a parameter was left out.
//!
//! AWS: KMS developer guide, "Condition keys for AWS KMS"; IAM User Guide, "AWS global condition context keys".

use std::net::IpAddr;

use lifecycle::clock::Timestamp;
use lifecycle::iam::Organization;
use lifecycle::ids::{AccountId, KeyArn, Region};
use lifecycle::key::Key;
use lifecycle::policy::{Context, Principal};
use lifecycle::state::View;
use lifecycle::tag::Tag;
use serde_json::Value;

use super::Request;
use crate::attestation::Attestation;
use crate::auth::facts::{instant, of_caller, word};
use crate::operations::{Environment, last_activity};

/// What surrounds a request: the connection that it came over, and the service that made it, if one did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The address of the client; `None` for calls without a connection.
    pub source_ip: Option<IpAddr>,
    /// Whether the connection was encrypted.
    pub secure_transport: bool,
    /// The `User-Agent` header.
    pub user_agent: Option<Box<str>>,
    /// What a service adds; nothing for nearly every request.
    pub service: Option<Box<ServiceCall>>,
}

/// What only AWS itself can say of a request: a service that makes it, or the network that it came through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceCall {
    /// The service that makes the request on the caller's behalf, in the form of policies: `dynamodb.amazonaws.com`.
    pub via: Option<String>,
    /// The resource for which a service makes the request.
    pub source_arn: Option<String>,
    /// The account of that resource.
    pub source_account: Option<String>,
    /// The VPC endpoint through which the request came.
    pub endpoint: Endpoint,
}

/// What is known of the VPC endpoint of a request; nothing of one that came over the public network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The VPC: `vpc-1a2b3c4d`.
    pub vpc: Option<String>,
    /// The endpoint: `vpce-1a2b3c4d`.
    pub id: Option<String>,
    /// The client's address in the VPC.
    pub source_ip: Option<IpAddr>,
}

impl Circumstances {
    /// The `User-Agent` header, if it is text.
    #[must_use]
    pub fn user_agent(&self) -> &str {
        self.user_agent.as_deref().unwrap_or_default()
    }

    /// The service that makes the request on the caller's behalf.
    #[must_use]
    pub fn via(&self) -> Option<&str> {
        self.service.as_ref()?.via.as_deref()
    }

    /// The account of the resource for which a service makes the request.
    #[must_use]
    pub fn source_account(&self) -> Option<&str> {
        self.service.as_ref()?.source_account.as_deref()
    }

    /// The resource for which a service makes the request.
    #[must_use]
    pub fn source_arn(&self) -> Option<&str> {
        self.service.as_ref()?.source_arn.as_deref()
    }
}

/// Which half of a request a permission is for: ReEncrypt has two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The whole request.
    Whole,
    /// The ciphertext that is opened.
    Source,
    /// The ciphertext that is made.
    Destination,
}

impl Side {
    /// The half that a permission is for, without `kms:`.
    pub(super) fn of(action: &str) -> Self {
        match action {
            "ReEncryptFrom" => Side::Source,
            "ReEncryptTo" => Side::Destination,
            _ => Side::Whole,
        }
    }

    /// A member that each half has for itself.
    pub(super) fn member(self, [whole, source, destination]: [&'static str; 3]) -> &'static str {
        match self {
            Side::Whole => whole,
            Side::Source => source,
            Side::Destination => destination,
        }
    }
}

/// The members that hold encryption contexts.
pub(super) const ENCRYPTION_CONTEXT: [&str; 3] =
    ["EncryptionContext", "SourceEncryptionContext", "DestinationEncryptionContext"];
const ENCRYPTION_ALGORITHM: [&str; 3] =
    ["EncryptionAlgorithm", "SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm"];
/// The members that name keys.
pub(super) const KEY_ID: [&str; 3] = ["KeyId", "SourceKeyId", "DestinationKeyId"];

/// A permission that a request needs.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The permission, without `kms:`.
    pub(super) action: &'a str,
    /// The key it is needed on.
    pub(super) key: Option<&'a Key>,
    /// The key that is replicated, where the permission is for its replica.
    pub(super) replicated: Option<&'a Key>,
    /// Whether source and destination of ReEncrypt are one key.
    pub(super) same_key: bool,
    /// The enclave that the answer is for.
    pub(super) recipient: Option<&'a Attestation>,
}

/// Gathers the facts.
pub(super) fn gather(
    request: &Request<'_>,
    asked: Asked<'_>,
    view: View<'_>,
    environment: &Environment<'_>,
    wanted: Context,
) -> Context {
    let context = of_caller(request.caller, wanted);
    let mut facts = Facts { request, asked, side: Side::of(asked.action), context };
    facts.surroundings(view.now());
    facts.source(view);
    facts.tags(view);
    facts.call();
    facts.aliases(view);
    facts.kind();
    facts.encryption();
    facts.parameters();
    facts.attested();
    facts.last_use(view, environment);
    if asked.action == "CreateGrant" {
        facts.grant();
    }
    facts.context
}

struct Facts<'a> {
    request: &'a Request<'a>,
    asked: Asked<'a>,
    side: Side,
    context: Context,
}

impl Facts<'_> {
    fn text(&self, member: &str) -> Option<&str> {
        self.request.input.get(member).and_then(Value::as_str)
    }

    fn has_key(&self) -> bool {
        self.asked.key.is_some()
    }

    fn is_service(&self) -> bool {
        matches!(self.request.caller.principal(), Principal::Service(_))
    }

    fn set(&mut self, key: &str, value: impl Into<String>) {
        self.context.insert(key, value);
    }

    /// Sets a key to a value that may be absent.
    fn set_if(&mut self, key: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.context.insert(key, value);
        }
    }

    /// Sets a key to the value of a member, or to what counts without it.
    fn effective(&mut self, key: &str, member: &str, default: &str) {
        if !self.context.wants(key) {
            return;
        }
        let value = match self.request.input.get(member) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => default.to_owned(),
            Some(other) => other.to_string(),
        };
        self.set(key, value);
    }

    fn surroundings(&mut self, now: Timestamp) {
        if !self.context.wants_any("aws:") {
            return;
        }
        let circumstances = self.request.circumstances;
        self.context.insert_with("aws:CurrentTime", || instant(now));
        self.context.insert_with("aws:EpochTime", || now.whole_seconds().to_string());
        // A replica is made by a call to its own Region.
        let replica = self.asked.replicated.and_then(|_| self.text("ReplicaRegion"));
        let region = replica.unwrap_or(self.request.caller.region.as_str()).to_owned();
        self.set("aws:RequestedRegion", region);
        self.set("aws:SecureTransport", word(circumstances.secure_transport));
        self.set_if("aws:UserAgent", Some(circumstances.user_agent()).filter(|agent| !agent.is_empty()));
        self.set("aws:ViaAWSService", word(circumstances.via().is_some()));
        self.set_if("aws:SourceArn", circumstances.source_arn());
        self.set_if("aws:SourceAccount", circumstances.source_account());
        match circumstances.via() {
            // AWS: a service that calls for a principal hides the principal's address.
            Some(via) => {
                self.context.insert_values("aws:CalledVia", [via]);
                self.set("aws:CalledViaFirst", via);
                self.set("aws:CalledViaLast", via);
            }
            // Nor is the address of whoever plays a service one of AWS.
            None if self.is_service() => {}
            None => self.address(circumstances),
        }
    }

    /// Where the request came from.
    ///
    /// AWS: IAM User Guide, "aws:SourceIp": it is absent from requests that come through a VPC endpoint.
    fn address(&mut self, circumstances: &Circumstances) {
        let endpoint = circumstances.service.as_ref().map(|service| &service.endpoint);
        let Some(Endpoint { vpc, id, source_ip }) = endpoint.filter(|known| **known != Endpoint::default())
        else {
            if let Some(address) = circumstances.source_ip {
                self.context.insert_with("aws:SourceIp", || address.to_string());
            }
            return;
        };
        self.set_if("aws:SourceVpc", vpc.as_deref());
        self.set_if("aws:SourceVpce", id.as_deref());
        self.set_if("aws:VpcSourceIp", source_ip.map(|ip| ip.to_string()));
    }

    /// The organization of the resource for which a service acts.
    fn source(&mut self, view: View<'_>) {
        let account = self.request.circumstances.source_account();
        let account = account.and_then(|account| account.parse().ok());
        if let Some(organization) = account.and_then(|account| organization(view, account)) {
            self.set("aws:SourceOrgID", &*organization.id);
            self.context.insert_values("aws:SourceOrgPaths", organization.path.as_deref());
        }
    }

    fn tags(&mut self, view: View<'_>) {
        if !self.context.wants_any("aws:") {
            return;
        }
        // AWS (observed): a key that is about to be made has no tags that a policy could see.
        if let Some(key) = self.asked.key {
            let tags = if self.context.wants_any("aws:ResourceTag/") { &key.tags[..] } else { &[] };
            for Tag { tag_key, tag_value } in tags {
                self.context.insert(&format!("aws:ResourceTag/{tag_key}"), tag_value);
            }
            self.set("aws:ResourceAccount", key.arn.scope.account.as_str());
            if let Some(organization) = organization(view, key.arn.scope.account) {
                self.set("aws:ResourceOrgID", &*organization.id);
                self.context.insert_values("aws:ResourceOrgPaths", organization.path.as_deref());
            }
        }
        let input = self.request.input;
        let given = input.get("Tags").and_then(Value::as_array).into_iter().flatten();
        let mut names: Vec<String> = Vec::new();
        for tag in given {
            let part = |member| tag.get(member).and_then(Value::as_str);
            if let (Some(key), Some(value)) = (part("TagKey"), part("TagValue")) {
                self.context.insert(&format!("aws:RequestTag/{key}"), value);
                names.push(key.to_owned());
            }
        }
        let removed = input.get("TagKeys").and_then(Value::as_array).into_iter().flatten();
        names.extend(removed.filter_map(Value::as_str).map(str::to_owned));
        if !names.is_empty() {
            self.context.insert_values("aws:TagKeys", names);
        }
    }

    /// Whether the permission is for a key that is yet to be made: CreateKey, kms:TagResource on what it makes, and the
    /// simulated PutKeyPolicy of the lockout check.
    fn makes_key(&self) -> bool {
        !self.has_key() && matches!(self.asked.action, "CreateKey" | "TagResource" | "PutKeyPolicy")
    }

    /// Who calls: what every operation on a key has, and CreateKey.
    fn call(&mut self) {
        let of_key = self.has_key() || self.makes_key();
        if (of_key || self.asked.action.contains("CustomKeyStore")) && !self.is_service() {
            self.set("kms:CallerAccount", self.request.caller.identity.account().as_str());
        }
        if of_key {
            let via = self.request.circumstances.via();
            let region = self.request.caller.region;
            self.set_if("kms:ViaService", via.map(|service| via_service(service, region)));
        }
    }

    /// The aliases of the key.
    fn aliases(&mut self, view: View<'_>) {
        let Some(key) = self.asked.key else { return };
        let aliases = view.aliases_of(key.arn, None).map(lifecycle::ids::AliasName::as_str);
        self.context.insert_values("kms:ResourceAliases", aliases);
        let named = self.text(self.side.member(KEY_ID)).and_then(alias_name).map(str::to_owned);
        self.set_if("kms:RequestAlias", named.filter(|_| self.takes_an_alias()));
    }

    /// What kind of key it is, or is to be.
    fn kind(&mut self) {
        if !KIND_KEYS.iter().any(|key| self.context.wants(key)) {
            return;
        }
        if let Some(key) = self.asked.key.or(self.asked.replicated) {
            let multi_region = match self.asked.replicated {
                Some(_) => Some("REPLICA"),
                None => key.multi_region_type(),
            };
            self.key_kind(key.spec.to_string(), key.usage.to_string(), key.origin.to_string(), multi_region);
        } else if self.makes_key() {
            let text = |member, default: &str| self.text(member).unwrap_or(default).to_owned();
            let old = text("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT");
            let spec = text("KeySpec", &old);
            let usage = text("KeyUsage", "ENCRYPT_DECRYPT");
            let origin = text("Origin", "AWS_KMS");
            let multi_region = self.request.input.get("MultiRegion") == Some(&Value::Bool(true));
            self.key_kind(spec, usage, origin, multi_region.then_some("PRIMARY"));
        }
    }

    fn key_kind(&mut self, spec: String, usage: String, origin: String, multi_region: Option<&str>) {
        self.set("kms:CustomerMasterKeySpec", spec.clone());
        self.set("kms:KeySpec", spec);
        self.set("kms:CustomerMasterKeyUsage", usage.clone());
        self.set("kms:KeyUsage", usage);
        self.set("kms:KeyOrigin", origin);
        self.set("kms:MultiRegion", multi_region.is_some().to_string());
        self.set_if("kms:MultiRegionKeyType", multi_region);
    }

    /// AWS: cryptographic operations, DescribeKey and GetPublicKey.
    fn takes_an_alias(&self) -> bool {
        let declaration = &self.request.entry.declaration;
        declaration.usage.is_some() || matches!(self.asked.action, "DescribeKey" | "GetPublicKey")
    }

    /// The encryption context and the algorithm.
    fn encryption(&mut self) {
        let action = self.asked.action;
        let symmetric = matches!(action, "Encrypt" | "Decrypt" | "ReEncryptFrom" | "ReEncryptTo");
        let generates = action.starts_with("GenerateDataKey");
        if symmetric || generates {
            self.encryption_context(self.request.input.get(self.side.member(ENCRYPTION_CONTEXT)));
        }
        if symmetric {
            self.effective(
                "kms:EncryptionAlgorithm",
                self.side.member(ENCRYPTION_ALGORITHM),
                "SYMMETRIC_DEFAULT",
            );
        }
        if generates {
            self.set("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
        }
        if action.starts_with("ReEncrypt") {
            self.set("kms:ReEncryptOnSameKey", self.asked.same_key.to_string());
        }
    }

    fn encryption_context(&mut self, pairs: Option<&Value>) {
        let Some(pairs) = pairs.and_then(Value::as_object).filter(|pairs| !pairs.is_empty()) else { return };
        self.context.insert_values("kms:EncryptionContextKeys", pairs.keys().map(String::as_str));
        if !self.context.wants_any("kms:EncryptionContext:") {
            return;
        }
        for (key, value) in pairs {
            // Keys that differ in case only are one condition key with several values.
            self.context.append(&format!("kms:EncryptionContext:{key}"), value.as_str().unwrap_or_default());
        }
    }

    /// Keys that are one parameter each.
    fn parameters(&mut self) {
        match self.asked.action {
            "Sign" | "Verify" => {
                self.set_if("kms:SigningAlgorithm", self.text("SigningAlgorithm").map(str::to_owned));
                self.effective("kms:MessageType", "MessageType", "RAW");
            }
            "GenerateMac" | "VerifyMac" => {
                self.set_if("kms:MacAlgorithm", self.text("MacAlgorithm").map(str::to_owned));
            }
            "DeriveSharedSecret" => {
                let algorithm = self.text("KeyAgreementAlgorithm").map(str::to_owned);
                self.set_if("kms:KeyAgreementAlgorithm", algorithm);
            }
            "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext" => {
                self.set_if("kms:DataKeyPairSpec", self.text("KeyPairSpec").map(str::to_owned));
            }
            "ReplicateKey" => {
                self.set_if("kms:ReplicaRegion", self.text("ReplicaRegion").map(str::to_owned));
            }
            "UpdatePrimaryRegion" => {
                self.set_if("kms:PrimaryRegion", self.text("PrimaryRegion").map(str::to_owned));
            }
            "CreateKey" => self.bypass(),
            "PutKeyPolicy" => {
                self.bypass();
                self.effective("kms:PolicyName", "PolicyName", "default");
            }
            "GetKeyPolicy" => self.effective("kms:PolicyName", "PolicyName", "default"),
            "ScheduleKeyDeletion" => {
                let key = "kms:ScheduleKeyDeletionPendingWindowInDays";
                self.effective(key, "PendingWindowInDays", "30");
            }
            "EnableKeyRotation" => {
                self.effective("kms:RotationPeriodInDays", "RotationPeriodInDays", "365");
            }
            "ImportKeyMaterial" => {
                // AWS: these two exist only if the parameter does.
                self.set_if("kms:ExpirationModel", self.text("ExpirationModel").map(str::to_owned));
                let valid_to = self.request.input.get("ValidTo").and_then(Value::as_f64);
                #[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates")]
                let valid_to = valid_to.map(|seconds| instant(Timestamp((seconds * 1e3) as i64)));
                self.set_if("kms:ValidTo", valid_to);
            }
            "GetParametersForImport" => {
                self.set_if("kms:WrappingAlgorithm", self.text("WrappingAlgorithm").map(str::to_owned));
                self.set_if("kms:WrappingKeySpec", self.text("WrappingKeySpec").map(str::to_owned));
            }
            _ => {}
        }
        if matches!(self.asked.action, "CreateGrant" | "ListGrants" | "RevokeGrant") {
            let for_service = self.request.circumstances.via().is_some();
            self.set("kms:GrantIsForAWSResource", for_service.to_string());
        }
    }

    /// What the recipient of the answer is known to be.
    fn attested(&mut self) {
        let Some(recipient) = self.asked.recipient else { return };
        if !self.context.wants_any("kms:RecipientAttestation:") {
            return;
        }
        for (name, value) in recipient.conditions() {
            self.set(&format!("kms:RecipientAttestation:{name}"), value);
        }
    }

    /// AWS: the key is absent when the parameter is.
    fn bypass(&mut self) {
        let bypass = self.request.input.get("BypassPolicyLockoutSafetyCheck").and_then(Value::as_bool);
        self.set_if("kms:BypassPolicyLockoutSafetyCheck", bypass.map(|bypass| bypass.to_string()));
    }

    fn grant(&mut self) {
        let input = self.request.input;
        for member in
            ["GranteePrincipal", "GranteeServicePrincipal", "RetiringPrincipal", "RetiringServicePrincipal"]
        {
            self.set_if(&format!("kms:{member}"), self.text(member).map(str::to_owned));
        }
        let operations = input.get("Operations").and_then(Value::as_array).into_iter().flatten();
        self.context.insert_values("kms:GrantOperations", operations.filter_map(Value::as_str));
        let constraints = input.get("Constraints");
        let constraint = |member| constraints.and_then(|constraints| constraints.get(member));
        for member in ["EncryptionContextEquals", "EncryptionContextSubset"] {
            if let Some(pairs) = constraint(member).filter(|pairs| pairs.is_object()) {
                self.encryption_context(Some(pairs));
                self.set("kms:GrantConstraintType", member);
            }
        }
        self.set_if("kms:GrantConstraintSourceArn", constraint("SourceArn").and_then(Value::as_str));
    }

    fn last_use(&mut self, view: View<'_>, environment: &Environment<'_>) {
        let Some(key) = self.asked.key else { return };
        if matches!(self.asked.action, "DisableKey" | "ScheduleKeyDeletion") {
            let since = view.now().0.saturating_sub(last_activity(key, view, environment.ledger).0);
            let days = since.max(0) / MILLISECONDS_A_DAY;
            self.set("kms:TrailingDaysWithoutKeyUsage", days.to_string());
        }
    }
}

/// The keys about what kind of key it is.
const KIND_KEYS: [&str; 7] = [
    "kms:CustomerMasterKeySpec",
    "kms:KeySpec",
    "kms:CustomerMasterKeyUsage",
    "kms:KeyUsage",
    "kms:KeyOrigin",
    "kms:MultiRegion",
    "kms:MultiRegionKeyType",
];

const MILLISECONDS_A_DAY: i64 = 86_400_000;

/// The facts of retiring a grant.
///
/// AWS: KMS developer guide, "AWS KMS permissions reference": of the kms: keys only these.
pub(super) fn of_retirement(
    request: &Request<'_>,
    grant: &lifecycle::grant::Grant,
    key: Option<&Key>,
    view: View<'_>,
    wanted: Context,
) -> Context {
    let asked = Asked { action: "RetireGrant", key, replicated: None, same_key: false, recipient: None };
    let mut facts = Facts { request, asked, side: Side::Whole, context: of_caller(request.caller, wanted) };
    facts.surroundings(view.now());
    facts.source(view);
    facts.tags(view);
    facts.call();
    facts.aliases(view);
    use lifecycle::grant::ContextConstraint::{Equals, Subset};
    let constraint = grant.constraints.encryption_context.as_ref();
    if let Some(constraint @ (Equals(pairs) | Subset(pairs))) = constraint {
        for (key, value) in pairs {
            facts.context.append(&format!("kms:EncryptionContext:{key}"), value);
        }
        facts.context.insert_values("kms:EncryptionContextKeys", pairs.keys().cloned());
        let kind = match constraint {
            Equals(_) => "EncryptionContextEquals",
            Subset(_) => "EncryptionContextSubset",
        };
        facts.set("kms:GrantConstraintType", kind);
    }
    facts.context
}

fn organization(view: View<'_>, account: AccountId) -> Option<&Organization> {
    view.directory().account(account)?.organization.as_ref()
}

/// The alias that an identifier names, without its ARN.
fn alias_name(text: &str) -> Option<&str> {
    if text.starts_with("alias/") {
        return Some(text);
    }
    text.starts_with("arn:").then(|| text.find(":alias/").and_then(|at| text.get(at + 1..))).flatten()
}

/// AWS: "kms:ViaService": the suffix is `.amazonaws.com` in every partition.
fn via_service(service: &str, region: Region) -> String {
    let name = service.split('.').next().unwrap_or_default();
    format!("{name}.{region}.amazonaws.com")
}

/// Whether the two keys of ReEncrypt are one.
pub(super) fn one_key(keys: impl IntoIterator<Item = KeyArn>) -> bool {
    let mut keys = keys.into_iter();
    let first = keys.next();
    keys.next().is_some_and(|second| first == Some(second))
}
