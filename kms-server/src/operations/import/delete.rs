//! DeleteImportedKeyMaterial.

use lifecycle::ids::{KeyArn, MaterialId};
use lifecycle::schedule;
use lifecycle::state::Change;
use serde::{Deserialize, Serialize};

use super::check_origins;
use crate::api::error::{ErrorCode, KmsError};
use crate::operations::{Authorized, Command, Operation, Resolved};

/// AWS: KMS API reference, "DeleteImportedKeyMaterial".
pub(in crate::operations) struct DeleteImportedKeyMaterial;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct DeleteImportedKeyMaterialRequest {
    key_material_id: Option<MaterialId>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct DeleteImportedKeyMaterialResponse {
    key_id: KeyArn,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_id: Option<MaterialId>,
}

impl Operation for DeleteImportedKeyMaterial {
    const NAME: &'static str = "DeleteImportedKeyMaterial";
    type Input = DeleteImportedKeyMaterialRequest;
    type Output = DeleteImportedKeyMaterialResponse;

    fn compatible(_: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        check_origins(resolved)
    }
}

impl Command for DeleteImportedKeyMaterial {
    /// AWS: what is not there any more, or not yet, is deleted without an effect.
    fn decide(
        authorized: &Authorized<'_>,
        input: &Self::Input,
    ) -> Result<(Self::Output, Vec<Change>), KmsError> {
        let key = authorized.key()?;
        // AWS: by default the current material. The error for any other id is not known.
        if let Some(id) = input.key_material_id.filter(|id| key.imported(*id).is_none()) {
            return Err(KmsError::new(
                ErrorCode::NotFoundException,
                format!("Key material {id} of key {} does not exist", key.arn),
            ));
        }
        let id = input.key_material_id.or(key.current_material);
        let changes = id.map(|id| schedule::removal(authorized.view, key, id)).unwrap_or_default();
        Ok((DeleteImportedKeyMaterialResponse { key_id: key.arn, key_material_id: id }, changes))
    }
}
