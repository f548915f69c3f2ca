//! One audit record in CloudTrail's shape.
//!
//! AWS: KMS developer guide, "Logging AWS KMS API calls with AWS CloudTrail".

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use arrayvec::{ArrayString, ArrayVec};
use lifecycle::clock::Timestamp;
use lifecycle::ids::{AccountId, KeyArn, Uuid, hex};
use lifecycle::key::EncryptionAlgorithm;
use lifecycle::policy::Principal;
use ring::digest;
use serde_json::{Map, Value};

use super::json::Json;
use crate::api::error::{ErrorCode, KmsError};
use crate::api::shape::{Member, Shape, Structure};
use crate::attestation::{Attestation, Platform};
use crate::auth::{Caller, SessionFacts};
use crate::operations::declaration::Effect;
use crate::operations::is_custom_tag;
use crate::operations::registry::Entry;
use crate::pipeline::{self, Trace};

/// Everything that a record tells. It borrows, because one is written for every request.
#[derive(Clone, Copy)]
pub struct AuditRecord<'a> {
    /// The operation, if the request named one.
    pub entry: Option<&'static Entry>,
    /// Who called; absent when authentication failed.
    pub caller: Option<&'a Caller>,
    /// The members of the request, if they could be parsed.
    pub input: Option<&'a Value>,
    /// The response of an operation that changed something.
    pub elements: Option<&'a Value>,
    /// What was found on the way.
    pub trace: &'a Trace,
    /// The error, if there was one.
    pub error: Option<&'a KmsError>,
    /// Domain time.
    pub at: Timestamp,
    /// Names this record.
    pub event_id: &'a str,
    /// Names the request.
    pub request_id: &'a str,
    /// The peer's address; calls without a connection come from this machine.
    pub source_ip: Option<IpAddr>,
    /// The `User-Agent` header.
    pub user_agent: &'a str,
    /// The service that forwards the request of the caller.
    pub via: Option<&'a str>,
    /// The Region of the request.
    pub region: &'a str,
    /// Whose record it is.
    pub recipient: AccountId,
    /// Names the event, if several accounts get a record of it.
    pub shared_event_id: Option<Uuid>,
}

/// The accounts that get a record of a request, the caller's own first.
pub type Recipients = ArrayVec<AccountId, 4>;

/// Who gets a record of a request: the caller's account, and that of every key which it found there or, unless it was
/// denied, elsewhere. Services have no account, and nobody hears what they do with the keys that AWS owns.
///
/// AWS: KMS developer guide, "AWS owned keys": their use cannot be audited.
///
/// AWS: KMS developer guide, "Logging AWS KMS API calls with AWS CloudTrail", cross-account operations.
pub fn recipients(
    caller: Option<&Caller>,
    home: AccountId,
    trace: &Trace,
    error: Option<&KmsError>,
) -> Recipients {
    let service = caller.is_some_and(|caller| matches!(caller.principal(), Principal::Service(_)));
    let mut all = Recipients::new();
    let owners = || trace.resources.iter().map(pipeline::Resource::account);
    if !service {
        all.push(caller.map_or(home, |caller| caller.identity.account()));
    }
    let denied = error.is_some_and(|error| error.code == ErrorCode::AccessDeniedException);
    for owner in owners().filter(|owner| !owner.is_aws() && (service || !denied)) {
        if !all.contains(&owner) {
            // A request names two keys at most.
            let _ = all.try_push(owner);
        }
    }
    // A request of a service that failed before any key was found may have been meant for a customer's.
    if all.is_empty() && error.is_some() && owners().next().is_none() {
        all.push(home);
    }
    all
}

/// The id of a further record of an event, or of what its records share: it follows from that of the first record, so that
/// no record is left out for want of randomness.
#[must_use]
pub fn derived_id(first: Uuid, purpose: &str) -> Uuid {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(first.as_str().as_bytes());
    context.update(purpose.as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(byte, hashed)| *byte = *hashed);
    Uuid::v4(bytes)
}

impl AuditRecord<'_> {
    /// Appends the record, one line of JSON without its end.
    pub fn write(&self, line: &mut Vec<u8>) {
        let json = &mut Json(line);
        json.raw(r#"{"eventVersion":"1.11","userIdentity":"#);
        match self.caller.filter(|_| self.is_foreign()) {
            Some(caller) => write_account(caller, self.via, json),
            None => write_caller(self.caller, self.via, json),
        }
        json.raw(r#","eventTime":""#);
        write_event_time(self.at, json);
        json.raw(r#"","eventSource":"kms.amazonaws.com","eventName":"#);
        json.plain(self.entry.map_or("UnknownOperation", Entry::name));
        json.raw(r#","awsRegion":"#).plain(self.region);
        match self.service() {
            Some(service) => {
                json.raw(r#","sourceIPAddress":"#).text(&service).raw(r#","userAgent":"#).text(&service);
            }
            None => {
                let source_ip = self.source_ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
                json.raw(r#","sourceIPAddress":"#).plain(spell(source_ip).as_str());
                json.raw(r#","userAgent":"#).text(self.user_agent);
            }
        }
        if let Some(error) = self.error {
            json.raw(r#","errorCode":"#).text(error.code.name_in_audit());
            if let Some(message) = &error.message {
                json.raw(r#","errorMessage":"#).text(message);
            }
        }
        json.raw(r#","requestParameters":"#);
        self.write_parameters(json);
        json.raw(r#","responseElements":"#);
        self.write_elements(json);
        self.write_additional_data(json);
        json.raw(r#","requestID":"#).plain(self.request_id);
        json.raw(r#","eventID":"#).plain(self.event_id);
        let reads = self.entry.is_some_and(|entry| entry.declaration.effect == Effect::Reads);
        json.raw(if reads { r#","readOnly":true"# } else { r#","readOnly":false"# });
        // AWS (observed): the list is empty where no key is needed, and missing where none was found. AWS: KMS developer
        // guide, the log entries of custom key store operations: those have none.
        if (self.error.is_none() && !self.is_of_stores()) || !self.trace.resources.is_empty() {
            json.raw(r#","resources":["#);
            let shown = self.trace.resources.iter().filter(|resource| self.shows(resource));
            json.separated(shown, |json, resource| write_resource(resource, json));
            json.raw("]");
        }
        json.raw(r#","eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"#)
            .plain(self.recipient.as_str());
        if let Some(shared) = self.shared_event_id {
            json.raw(r#","sharedEventID":"#).plain(shared.as_str());
        }
        json.raw(r#","eventCategory":"Management"}"#);
    }

    /// Whether it is the record of another account than the caller's.
    fn is_foreign(&self) -> bool {
        self.caller.is_some_and(|caller| {
            !matches!(caller.principal(), Principal::Service(_))
                && caller.identity.account() != self.recipient
        })
    }

    fn is_of_stores(&self) -> bool {
        self.entry.is_some_and(|entry| entry.name().contains("CustomKeyStore"))
    }

    /// The caller's account is shown what it named, another one what is its own.
    fn shows(&self, resource: &pipeline::Resource) -> bool {
        !self.is_foreign() || resource.account() == self.recipient
    }

    /// The service that makes the request, for itself or for the caller: its name stands for the connection.
    fn service(&self) -> Option<Cow<'_, str>> {
        self.via.map(Cow::Borrowed).or_else(|| self.caller.and_then(service_name))
    }

    fn write_elements(&self, json: &mut Json<'_>) {
        if self.error.is_some() || self.entry.is_none_or(|entry| entry.declaration.effect == Effect::Reads) {
            json.raw("null");
            return;
        }
        let named = self.entry.filter(|entry| SHOWS_KEY.contains(&entry.name()));
        match (named.and_then(|_| self.trace.keys().next()), self.elements) {
            (Some(key), elements) => {
                let mut members = Members { json, before: "{" };
                if let Some(Value::String(grant)) = elements.and_then(|elements| elements.get("GrantId")) {
                    members.next(r#""grantId":"#).text(grant);
                }
                members.next(r#""keyId":"#).text(&key.text()).raw("}");
            }
            (None, Some(elements)) if *elements != Value::Object(Map::new()) => {
                write_lower_camel(elements, json);
            }
            (None, _) => {
                json.raw("null");
            }
        }
    }

    /// What AWS and this server add: the material that was used or where it is, which store was meant, which grant was
    /// retired, because a token may have named it, and why policies and grants do not allow a request.
    fn write_additional_data(&self, json: &mut Json<'_>) {
        let retires = self.entry.is_some_and(|entry| entry.name() == "RetireGrant");
        let retired = self.trace.ended.filter(|_| retires && self.error.is_none());
        // The policies of the caller are its own affair.
        let denial = self.trace.denial.as_ref().filter(|_| !self.is_foreign());
        let mut members = Members { json, before: r#","additionalEventData":{"# };
        self.write_materials(&mut members);
        if let Some(recipient) = &self.trace.recipient {
            write_recipient(recipient, members.next(r#""recipient":"#));
        }
        if let Some(store) = &self.trace.store {
            members.next(r#""customKeyStoreName":"#).text(&store.name);
            if let Some(cluster) = store.backing.cluster() {
                members.next(r#""clusterId":"#).text(cluster);
            }
        }
        if let Some(grant) = retired {
            members.next(r#""grantId":"#).text(&grant.text());
        }
        if let Some(denial) = denial {
            members.next(r#""authorization":"#).value(denial);
        }
        if members.before == "," {
            json.raw("}");
        }
    }

    /// AWS: ReEncrypt has two materials, and the accounts of their keys may differ.
    fn write_materials(&self, members: &mut Members<'_, '_>) {
        let names: &[[&str; 3]] = match &self.trace.resources[..] {
            [_] => &[[r#""keyMaterialId":"#, r#""customKeyStoreId":"#, r#""xksKeyId":"#]],
            [_, _] => &[
                [r#""sourceKeyMaterialId":"#, r#""sourceCustomKeyStoreId":"#, r#""sourceXksKeyId":"#],
                [
                    r#""destinationKeyMaterialId":"#,
                    r#""destinationCustomKeyStoreId":"#,
                    r#""destinationXksKeyId":"#,
                ],
            ],
            _ => return,
        };
        let shown = names.iter().zip(&self.trace.resources).filter(|(_, resource)| self.shows(resource));
        for ([material_name, store_name, external_name], resource) in shown {
            match resource {
                pipeline::Resource::Used(_, material) => {
                    members.next(material_name).plain(&material.text());
                }
                pipeline::Resource::Stored(_, residence) => {
                    members.next(store_name).text(&residence.store.to_string());
                    if let Some(external) = &residence.xks_key_id {
                        members.next(external_name).text(external);
                    }
                }
                _ => {}
            }
        }
    }

    /// Never what is secret or bulky: blobs, grant tokens, and the random length that AWS leaves out too.
    fn write_parameters(&self, json: &mut Json<'_>) {
        let entry = self.entry.filter(|entry| entry.name() != "GenerateRandom");
        let members = entry.zip(self.input).map(|(entry, input)| shown(entry.declaration.model.input, input));
        let mut members = members.into_iter().flatten().peekable();
        if members.peek().is_some() {
            write_shown(members, json);
        } else {
            json.raw("null");
        }
    }
}

/// The operations that answer nothing, or nothing of the key, and whose records show the ARN of the key.
///
/// AWS: KMS developer guide, the log entries of each operation.
const SHOWS_KEY: [&str; 11] = [
    "CreateGrant",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "RetireGrant",
    "RevokeGrant",
    "TagResource",
    "UntagResource",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
];

/// The members of an object that is not there unless it has one.
struct Members<'a, 'b> {
    json: &'a mut Json<'b>,
    /// What stands before the next member: the start of the object, then commas.
    before: &'static str,
}

impl<'b> Members<'_, 'b> {
    fn next(&mut self, name: &str) -> &mut Json<'b> {
        let before = std::mem::replace(&mut self.before, ",");
        self.json.raw(before).raw(name)
    }
}

/// The enclave or TPM that an answer is for.
// AWS: KMS developer guide, "Monitoring requests for Nitro Enclaves": the image and these registers of an enclave. For those of
// a TPM the names are not known.
fn write_recipient(recipient: &Attestation, json: &mut Json<'_>) {
    json.raw(r#"{"attestationDocumentModuleId":"#).text(&recipient.module_id);
    if let Some(image) = recipient.image() {
        json.raw(r#","attestationDocumentEnclaveImageDigest":"#).plain(&image);
    }
    for (index, value) in &recipient.pcrs {
        let name = match recipient.platform {
            Platform::Enclave if [1, 2, 3, 4, 8].contains(index) => "EnclavePCR",
            Platform::Enclave => continue,
            Platform::NitroTpm => "NitroTPMPCR",
        };
        json.raw(r#","attestationDocument"#)
            .raw(name)
            .raw(&index.to_string())
            .raw(r#"":"#)
            .plain(&hex(value));
    }
    json.raw("}");
}

/// `userIdentity` of the record that a caller's own account gets.
fn write_caller(caller: Option<&Caller>, via: Option<&str>, json: &mut Json<'_>) {
    match (caller, via) {
        (Some(caller), Some(via)) => write_known(caller, Some(via), json),
        _ => write_identity(caller, json),
    }
}

/// `userIdentity` of the record that the owner of a key gets: where the caller is from, and its unique id.
///
/// AWS: CloudTrail User Guide, "CloudTrail userIdentity element", AWSAccount.
fn write_account(caller: &Caller, via: Option<&str>, json: &mut Json<'_>) {
    json.raw(r#"{"type":"AWSAccount","principalId":"#).text(&caller.identity.user_id);
    json.raw(r#","accountId":"#).text(caller.identity.account().as_str());
    if let Some(via) = via {
        json.raw(r#","invokedBy":"#).text(via);
    }
    json.raw("}");
}

/// The name of a service that calls. AWS: records name the service, grants the service of a Region.
fn service_name(caller: &Caller) -> Option<Cow<'_, str>> {
    match caller.principal() {
        Principal::Service(service) => Some(service.global()),
        _ => None,
    }
}

/// `userIdentity`. `principalId`, `arn` and the like of a session are its own; what it was made from stands beside.
pub(crate) fn write_identity(caller: Option<&Caller>, json: &mut Json<'_>) {
    match caller {
        Some(caller) => write_known(caller, None, json),
        None => {
            json.raw(r#"{"type":"Unknown"}"#);
        }
    }
}

/// The same of a caller that is known, `via` the service that forwards its request.
fn write_known(caller: &Caller, via: Option<&str>, json: &mut Json<'_>) {
    if let Some(service) = service_name(caller) {
        json.raw(r#"{"type":"AWSService","invokedBy":"#).text(&service).raw("}");
        return;
    }
    json.raw(r#"{"type":"#).plain(identity_type(caller.principal()));
    json.raw(r#","principalId":"#).text(&caller.identity.user_id);
    json.raw(r#","arn":"#).text(caller.arn());
    json.raw(r#","accountId":"#).plain(caller.identity.account().as_str());
    if let Some(access_key) = &caller.access_key_id {
        json.raw(r#","accessKeyId":"#).text(access_key);
    }
    if let Principal::User { name, .. } = caller.principal() {
        json.raw(r#","userName":"#).text(name.rsplit('/').next().unwrap_or_default());
    }
    if let Some(session) = &caller.session {
        write_session(session, json);
    }
    if let Some(via) = via {
        json.raw(r#","invokedBy":"#).text(via);
    }
    json.raw("}");
}

/// AWS: CloudTrail User Guide, "CloudTrail userIdentity element", sessionContext.
fn write_session(session: &SessionFacts, json: &mut Json<'_>) {
    json.raw(r#","sessionContext":{"#);
    if let Principal::Role { account, name } = &session.issuer {
        json.raw(r#""sessionIssuer":{"type":"Role","principalId":"#).text(&session.issuer_id);
        json.raw(r#","arn":"#).text(&session.issuer.arn());
        json.raw(r#","accountId":"#).text(account.id());
        json.raw(r#","userName":"#).text(name.rsplit('/').next().unwrap_or_default()).raw("},");
    }
    if let Some(identity) = &session.web_identity {
        json.raw(r#""webIdFederationData":{"federatedProvider":"#).text(&identity.provider);
        json.raw(r#","attributes":{}},"#);
    }
    json.raw(r#""attributes":{"creationDate":""#);
    write_event_time(session.created_at, json);
    json.raw(r#"","mfaAuthenticated":"#).text(if session.mfa { "true" } else { "false" }).raw("}");
    if let Some(source_identity) = &session.source_identity {
        json.raw(r#","sourceIdentity":"#).text(source_identity);
    }
    json.raw("}");
}

pub(crate) fn write_event_time(at: Timestamp, json: &mut Json<'_>) {
    let text = at.rfc3339();
    // Up to the seconds.
    match text.as_ref().and_then(|text| std::str::from_utf8(text.get(..19)?).ok()) {
        Some(text) => json.raw(text).raw("Z"),
        None => json.raw(&at.to_string()),
    };
}

/// The text of an address. The one of version 4, which nearly all are, is spelled without the formatting machinery.
fn spell(address: IpAddr) -> ArrayString<45> {
    let mut text = ArrayString::new();
    match address {
        IpAddr::V4(address) => {
            for (at, octet) in address.octets().into_iter().enumerate() {
                let digits = [octet / 100, octet / 10 % 10, octet % 10];
                let leading = digits.iter().take(2).take_while(|digit| **digit == 0).count();
                let dot = (at > 0).then_some('.');
                let shown = digits.into_iter().skip(leading).map(|digit| char::from(b'0' + digit));
                // The longest address has 45 characters.
                dot.into_iter().chain(shown).for_each(|letter| text.push(letter));
            }
        }
        IpAddr::V6(address) => drop(write!(text, "{address}")),
    }
    text
}

fn identity_type(principal: &Principal) -> &'static str {
    match principal {
        Principal::Root(_) => "Root",
        Principal::User { .. } => "IAMUser",
        Principal::Role { .. } => "Role",
        Principal::AssumedRole { .. } => "AssumedRole",
        Principal::FederatedUser { .. } => "FederatedUser",
        Principal::Service(_) => "AWSService",
    }
}

fn write_resource(resource: &pipeline::Resource, json: &mut Json<'_>) {
    match resource {
        pipeline::Resource::Alias(alias) => write_arn(&alias.scope.account, &alias.to_string(), json),
        pipeline::Resource::Key(key)
        | pipeline::Resource::Used(key, _)
        | pipeline::Resource::Stored(key, _) => write_key(key, json),
    }
}

/// A key among `resources`.
pub(super) fn write_key(key: &KeyArn, json: &mut Json<'_>) {
    write_arn(&key.scope.account, &key.text(), json);
}

fn write_arn(account: &AccountId, arn: &str, json: &mut Json<'_>) {
    json.raw(r#"{"accountId":"#).text(account.as_str());
    json.raw(r#","type":"AWS::KMS::Key","ARN":"#).text(arn).raw("}");
}

/// What a member that is left out means, where records show that.
///
/// AWS: KMS developer guide, the log entries of Encrypt, Decrypt and ReEncrypt.
static ALGORITHM: LazyLock<Value> = LazyLock::new(|| EncryptionAlgorithm::SymmetricDefault.as_str().into());

/// The members of a request that may be shown.
fn shown<'a>(
    structure: &'static Structure,
    value: &'a Value,
) -> impl Iterator<Item = (&'static Member, &'a Value)> {
    let members = structure.members.iter().filter(|member| {
        let secret = matches!(member.shape, Shape::Blob { .. }) || is_hidden(member.name);
        // AWS: what counts of it is in the additional data.
        !secret && member.name != "Recipient"
    });
    let given = members.filter_map(move |member| {
        let effective = || member.name.ends_with("EncryptionAlgorithm").then_some(&*ALGORITHM);
        Some((member, value.get(member.name).or_else(effective)?))
    });
    given.filter(|(_, value)| !value.is_null())
}

/// The members of a request under their audit names.
pub(crate) fn write_members(structure: &'static Structure, value: &Value, json: &mut Json<'_>) {
    write_shown(shown(structure, value), json);
}

fn write_shown<'a>(members: impl Iterator<Item = (&'static Member, &'a Value)>, json: &mut Json<'_>) {
    json.raw("{");
    json.separated(members, |json, (member, value)| {
        // AWS: KMS developer guide, the log entries of CreateCustomKeyStore and UpdateCustomKeyStore.
        json.member(if member.name == "CloudHsmClusterId" { "ClusterId" } else { member.name });
        match member.shape {
            Shape::Map { .. } => write_map(value, json),
            Shape::Structure(structure) => write_members(structure, value, json),
            Shape::Timestamp => {
                json.text(&date_of(value.as_f64().unwrap_or_default()));
            }
            _ => write_lower_camel(value, json),
        }
    });
    json.raw("}");
}

/// A map, whose keys are the user's own.
fn write_map(value: &Value, json: &mut Json<'_>) {
    match value {
        Value::Object(entries) => {
            json.raw("{");
            json.separated(entries, |json, (key, value)| {
                json.text(key).raw(":").value(value);
            });
            json.raw("}");
        }
        value => {
            json.value(value);
        }
    }
}

/// A value whose object members start in lower case, and whose dates are texts.
pub(crate) fn write_lower_camel(value: &Value, json: &mut Json<'_>) {
    match value {
        Value::Array(items) => {
            json.raw("[").separated(items, |json, item| write_lower_camel(item, json)).raw("]");
        }
        Value::Object(members) => {
            let instruction = members.get("TagKey").and_then(Value::as_str).is_some_and(is_custom_tag);
            // AWS (observed): a deletion shows its date or, while there is none, the window.
            let dated = members.contains_key("DeletionDate");
            let shown = members
                .iter()
                .filter(|(name, _)| !(dated && *name == "PendingWindowInDays" || is_hidden(name)));
            json.raw("{");
            json.separated(shown, |json, (name, value)| {
                json.member(name);
                match value {
                    // The tag that carries key material must not carry it into the log.
                    Value::String(_) if instruction && name == "TagValue" => {
                        json.text("HIDDEN_DUE_TO_SECURITY_REASONS");
                    }
                    Value::Number(seconds) if name.ends_with("Date") => {
                        json.text(&date_of(seconds.as_f64().unwrap_or_default()));
                    }
                    value => write_lower_camel(value, json),
                }
            });
            json.raw("}");
        }
        scalar => {
            json.value(scalar);
        }
    }
}

/// Whether a member holds grant tokens, or what opens a custom key store and the certificate of its cluster, which a
/// record never shows.
fn is_hidden(member: &str) -> bool {
    matches!(
        member,
        "GrantToken"
            | "GrantTokens"
            | "KeyStorePassword"
            | "TrustAnchorCertificate"
            | "XksProxyAuthenticationCredential"
    )
}

/// CloudTrail's dates, such as `May 21, 2025, 5:47:45 AM`.
pub(crate) fn date(instant: jiff::Timestamp) -> String {
    instant.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string()
}

/// The same of a date in a body.
#[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates")]
fn date_of(seconds: f64) -> String {
    jiff::Timestamp::from_second(seconds as i64).map(date).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_spelled_as_usual() {
        for text in
            ["127.0.0.1", "0.0.0.0", "255.10.100.9", "::1", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4"]
        {
            assert_eq!(spell(text.parse().unwrap()).as_str(), text);
        }
        let longest = "1111:2222:3333:4444:5555:6666:7777:8888";
        assert_eq!(spell(longest.parse().unwrap()).as_str(), longest);
    }

    #[test]
    fn dates_are_those_of_cloudtrail() {
        assert_eq!(date_of(1_747_806_465.25), "May 21, 2025, 5:47:45 AM");
        assert_eq!(date_of(1_660_171_107.0), "Aug 10, 2022, 10:38:27 PM");
    }

    #[test]
    fn key_material_in_a_tag_is_hidden() {
        let tags = serde_json::json!([{"TagKey": "_custom_key_material_", "TagValue": "c2VjcmV0"}]);
        let mut line = Vec::new();
        write_lower_camel(&tags, &mut Json(&mut line));
        assert_eq!(
            String::from_utf8(line).unwrap(),
            r#"[{"tagKey":"_custom_key_material_","tagValue":"HIDDEN_DUE_TO_SECURITY_REASONS"}]"#
        );
    }
}
