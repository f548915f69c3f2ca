//! What CreateKey, GenerateRandom and the operations on key pairs have to do with custom key stores.

use std::sync::Arc;

use lifecycle::custom_store::{Backing, CustomKeyStore, HSMS_TO_CONNECT, HSMS_TO_CREATE};
use lifecycle::ids::KeyArn;
use lifecycle::key::{Origin, Residence};

use super::crypt::describe;
use super::{ask, find, serves, tell};
use crate::api::error::{ErrorCode, KmsError};
use crate::operations::{Authorized, Resolved};
use crate::xks::{Call, Target, usable};

/// Rules between the members of CreateKey that concern custom key stores.
pub(in crate::operations) fn check_request(
    origin: Origin,
    custom_key_store_id: Option<&str>,
    xks_key_id: Option<&str>,
    multi_region: bool,
) -> Result<(), KmsError> {
    let in_custom_store = matches!(origin, Origin::AwsCloudhsm | Origin::ExternalKeyStore);
    if xks_key_id.is_some() != (origin == Origin::ExternalKeyStore) {
        return Err(KmsError::validation(
            "XksKeyId must be specified if and only if the Origin is EXTERNAL_KEY_STORE",
        ));
    }
    if custom_key_store_id.is_some() != in_custom_store {
        return Err(KmsError::validation(
            "CustomKeyStoreId must be specified if and only if the Origin is AWS_CLOUDHSM or EXTERNAL_KEY_STORE",
        ));
    }
    if in_custom_store && multi_region {
        return Err(KmsError::new(
            ErrorCode::UnsupportedOperationException,
            "You cannot create a multi-Region key in a custom key store.",
        ));
    }
    Ok(())
}

/// Where a new key will live: the store must be there, connected, of the right kind, and able to hold it.
pub(in crate::operations) fn residence(
    authorized: &Authorized<'_>,
    origin: Origin,
    custom_key_store_id: Option<&str>,
    xks_key_id: Option<&str>,
) -> Result<Option<Residence>, KmsError> {
    let Some(id) = custom_key_store_id else { return Ok(None) };
    let store = find(authorized, id)?;
    if store.backing.origin() != origin {
        return Err(KmsError::validation(format!(
            "Origin {origin} is not valid for a custom key store of type {}.",
            store.backing.kind()
        )));
    }
    check_connected(store)?;
    if let Backing::AwsCloudhsm { cluster: id, .. } = &store.backing {
        // AWS: KMS API reference, "CreateKey": this one error says whatever is wrong with the cluster.
        serves(authorized, id, HSMS_TO_CREATE, ErrorCode::CloudHsmClusterInvalidConfigurationException)?;
    }
    let xks_key_id: Option<Arc<str>> = xks_key_id.map(Into::into);
    let taken = xks_key_id.as_ref().and_then(|key| authorized.view.key_for_external(store.arn, key));
    if let (Some(external), Some(_)) = (&xks_key_id, taken) {
        return Err(KmsError::new(
            ErrorCode::XksKeyAlreadyInUseException,
            format!(
                "The external key {external} is already associated with a KMS key in this external key store."
            ),
        ));
    }
    Ok(Some(Residence { store: store.arn.id, xks_key_id }))
}

/// Asks the proxy whether the external key can back the new KMS key.
pub(in crate::operations) fn check_new_key(
    authorized: &Authorized<'_>,
    arn: KeyArn,
    residence: Option<&Residence>,
) -> Result<(), KmsError> {
    let Some(Residence { store, xks_key_id: Some(external) }) = residence else { return Ok(()) };
    let store = find(authorized, &store.to_string())?;
    let Some(target) = Target::of(store) else { return Ok(()) };
    let metadata = describe(authorized, arn, None);
    let answer = ask(authorized, Call::key_metadata(target, external, &metadata))?;
    let usable = answer.and_then(|body| usable(&body)).map_err(tell::of_new_key)?;
    usable.map_err(tell::of_key_fault)
}

/// What is told of an external key store that is not connected, and of the use of a key in it.
///
/// AWS: External Key Store Proxy API Specification, "KMS exception messages".
pub(crate) const NOT_CONNECTED: &str = "This KMS key is in a custom key store that is not connected to its external key \
                                        store proxy. Connect the external key store and try the request again.";

fn check_connected(store: &CustomKeyStore) -> Result<(), KmsError> {
    if store.is_connected() {
        return Ok(());
    }
    let message = match &store.backing {
        Backing::ExternalKeyStore(_) => NOT_CONNECTED,
        Backing::AwsCloudhsm { .. } => {
            "The custom key store is not connected to its AWS CloudHSM cluster. Connect the custom key store and try the \
             request again."
        }
    };
    Err(KmsError::new(ErrorCode::CustomKeyStoreInvalidStateException, message))
}

/// GenerateRandom from the HSMs of a store.
///
/// AWS: KMS API reference, "GenerateRandom": external key stores have no random bytes to give.
pub(in crate::operations) fn check_for_random(authorized: &Authorized<'_>, id: &str) -> Result<(), KmsError> {
    let store = find(authorized, id)?;
    match &store.backing {
        Backing::AwsCloudhsm { cluster: id, .. } => {
            check_connected(store)?;
            serves(authorized, id, HSMS_TO_CONNECT, ErrorCode::CustomKeyStoreInvalidStateException)
        }
        Backing::ExternalKeyStore(_) => Err(KmsError::new(
            ErrorCode::UnsupportedOperationException,
            "GenerateRandom is not supported in an external key store.",
        )),
    }
}

/// Keys in custom key stores encrypt no data key pairs.
///
/// AWS: KMS API reference, "GenerateDataKeyPair".
pub(in crate::operations) fn check_pairs(resolved: &Resolved) -> Result<(), KmsError> {
    let inside = resolved.keys.iter().find(|found| found.key.custom_store.is_some());
    let Some(found) = inside else { return Ok(()) };
    Err(KmsError::new(
        ErrorCode::UnsupportedOperationException,
        format!("{} origin is {} which is not valid for this operation.", found.key.arn, found.key.origin),
    ))
}
