//! Encryption under keys in custom key stores. The material of a key in a cluster is kept here like any other, but works
//! only while the cluster does; to that of a key in an external store comes what its proxy does.
//!
//! AWS: KMS developer guide, "How external key stores work", double encryption.

use std::borrow::Cow;
use std::sync::Arc;

use lifecycle::crypto::envelope::{self, EncryptionContext};
use lifecycle::crypto::external::{unwrap, wrap};
use lifecycle::custom_store::{Backing, CustomKeyStore, HSMS_TO_CONNECT};
use lifecycle::ids::{KeyArn, MaterialId};
use lifecycle::key::{Key, Origin};
use lifecycle::policy::Principal;

use super::{ask, metadata, serves, tell};
use crate::api::error::{ErrorCode, KmsError};
use crate::operations::Authorized;
use crate::xks::{Call, Failure, Metadata, Target, decrypted, encrypted};

/// The store of a key, with a proxy if it is an external one.
struct Place<'a> {
    target: Option<Target>,
    external: Option<&'a Arc<str>>,
}

fn internal() -> KmsError {
    KmsError::bare(ErrorCode::KMSInternalException)
}

/// Where a key lives; `None` for one that lives in AWS KMS itself. A cluster that cannot serve fails every use.
fn place<'a>(authorized: &Authorized<'_>, key: &'a Key) -> Result<Option<Place<'a>>, KmsError> {
    let Some(residence) = &key.custom_store else { return Ok(None) };
    let store: &CustomKeyStore = authorized.view.store_of(key).ok_or_else(internal)?;
    if let Backing::AwsCloudhsm { cluster: id, .. } = &store.backing {
        serves(authorized, id, HSMS_TO_CONNECT, ErrorCode::KMSInvalidStateException)?;
    }
    Ok(Some(Place { target: Target::of(store), external: residence.xks_key_id.as_ref() }))
}

/// What a proxy is told of a request that uses a key.
pub(super) fn describe(authorized: &Authorized<'_>, key: KeyArn, used: Option<&Key>) -> Metadata {
    let (caller, circumstances) = (authorized.caller, authorized.request.circumstances);
    let principal = match caller.principal() {
        Principal::Service(_) => "AWS Internal".to_owned(),
        _ => caller.arn().to_owned(),
    };
    // AWS: the specification, "requestMetadata": networks are told to proxies of the caller's own account only.
    let own = caller.scope().account == key.scope.account;
    let endpoint = circumstances.service.as_ref().map(|service| &service.endpoint).filter(|_| own);
    Metadata {
        principal: Some(principal),
        key_arn: used.map(|_| key.to_string()),
        via: used.and(circumstances.via()).map(|via| via.split('.').next().unwrap_or(via).to_owned()),
        source_vpc: endpoint.and_then(|endpoint| endpoint.vpc.clone()),
        source_vpce: endpoint.and_then(|endpoint| endpoint.id.clone()),
        ..metadata(authorized)
    }
}

/// The additional authenticated data of a proxy: nothing without an encryption context.
fn authenticated(context: &EncryptionContext) -> Vec<u8> {
    if context.is_empty() { Vec::new() } else { envelope::canonical_context(context) }
}

/// The blob that is handed out for one that the key's own material has sealed.
pub(in crate::operations) fn after_sealing(
    authorized: &Authorized<'_>,
    key: &Key,
    id: MaterialId,
    context: &EncryptionContext,
    inner: Vec<u8>,
) -> Result<Vec<u8>, KmsError> {
    let place = place(authorized, key)?;
    let Some(Place { target: Some(target), external: Some(external) }) = place else { return Ok(inner) };
    let (metadata, data) = (describe(authorized, key.arn, Some(key)), authenticated(context));
    let answer = ask(authorized, Call::encrypt(target, external, &metadata, &inner, &data))?;
    let proxied = answer.and_then(|body| encrypted(&body, inner.len(), &data)).map_err(tell::of_use)?;
    Ok(wrap(id, &proxied))
}

/// The blob that the key's own material opens, of one that was handed out.
pub(in crate::operations) fn before_opening<'b>(
    authorized: &Authorized<'_>,
    key: &Key,
    id: MaterialId,
    context: &EncryptionContext,
    blob: &'b [u8],
) -> Result<Cow<'b, [u8]>, KmsError> {
    let place = place(authorized, key)?;
    let Some(Place { target: Some(target), external: Some(external) }) = place else {
        return Ok(Cow::Borrowed(blob));
    };
    let proxied = unwrap(id, blob).map_err(|_| KmsError::bare(ErrorCode::InvalidCiphertextException))?;
    let (metadata, data) = (describe(authorized, key.arn, Some(key)), authenticated(context));
    let answer = ask(authorized, Call::decrypt(target, external, &metadata, &proxied, &data))?;
    Ok(Cow::Owned(answer.and_then(|body| decrypted(&body, proxied.ciphertext.len())).map_err(tell::of_use)?))
}

/// What is told if the key's own material does not open what [`before_opening`] gave.
pub(in crate::operations) fn not_opened(key: &Key) -> KmsError {
    match key.origin {
        Origin::ExternalKeyStore => tell::of_use(Failure::WrongPlaintext),
        _ => KmsError::bare(ErrorCode::InvalidCiphertextException),
    }
}

/// The material that a response names: those of keys in custom key stores have no id that is shown.
///
/// AWS: KMS API reference, "KeyMetadata", `CurrentKeyMaterialId`.
pub(in crate::operations) fn shown_material(key: &Key, id: MaterialId) -> Option<MaterialId> {
    key.custom_store.is_none().then_some(id)
}
