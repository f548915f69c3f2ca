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

fn check_origins(resolved: &Resolved) -> Result<(), KmsError> {
    resolved.keys.iter().try_for_each(|found| check_origin(&found.key))
}
