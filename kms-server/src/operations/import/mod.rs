//! GetParametersForImport, ImportKeyMaterial and DeleteImportedKeyMaterial.
//!
//! AWS: KMS developer guide, "Importing key material for AWS KMS keys".

mod delete;
mod material;
mod parameters;
mod token;

pub(super) use delete::DeleteImportedKeyMaterial;
pub(super) use material::ImportKeyMaterial;
pub(super) use parameters::GetParametersForImport;
pub use token::ImportTokenKey;

use lifecycle::key::{Key, Origin};

use super::Resolved;
use crate::api::error::{ErrorCode, KmsError};

fn unsupported(text: String) -> KmsError {
    KmsError::new(ErrorCode::UnsupportedOperationException, text)
}

/// Only keys whose material comes from elsewhere take it.
///
/// AWS (observed): the text.
fn check_origin(key: &Key) -> Result<(), KmsError> {
    if key.origin == Origin::External {
        return Ok(());
    }
    Err(unsupported(format!("{} origin is {} which is not valid for this operation.", key.arn, key.origin)))
}

/// Nothing is imported into a key that waits for its deletion; one that takes no import is told so first.
///
/// AWS: KMS developer guide, "Key states of AWS KMS keys", notes 8 and 9.
fn check_importable(key: &Key) -> Result<(), KmsError> {
    check_origin(key)?;
    let what = match key.pending_deletion.as_ref().map(|pending| pending.deletion_at) {
        None => return Ok(()),
        Some(None) => "pending replica deletion",
        Some(Some(_)) => "pending deletion",
    };
    Err(KmsError::new(ErrorCode::KMSInvalidStateException, format!("{} is {what}.", key.arn)))
}

fn check_origins(resolved: &Resolved) -> Result<(), KmsError> {
    resolved.keys.iter().try_for_each(|found| check_origin(&found.key))
}
