//! ImportKeyMaterial.

use lifecycle::clock::Timestamp;
use lifecycle::crypto::Secret;
use lifecycle::crypto::envelope::material_id;
use lifecycle::ids::{KeyArn, MaterialId};
use lifecycle::key::{ExpirationModel, Import, ImportError, ImportType, Key, KeySpec, Presence, UnwrapError};
use lifecycle::state::{Change, Record};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::token::ImportToken;
use super::{check_importable, unsupported};
use crate::api::blob::PublicBlob;
use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;
use crate::operations::material::internal;
use crate::operations::{Authorized, Command, Operation, Resolved};

/// AWS: KMS API reference, "ImportKeyMaterial".
pub(in crate::operations) struct ImportKeyMaterial;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct ImportKeyMaterialRequest {
    import_token: PublicBlob,
    encrypted_key_material: PublicBlob,
    /// Seconds since the Unix epoch.
    valid_to: Option<f64>,
    expiration_model: Option<ExpirationModel>,
    import_type: Option<ImportType>,
    key_material_description: Option<Arc<str>>,
    key_material_id: Option<MaterialId>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct ImportKeyMaterialResponse {
    key_id: KeyArn,
    key_material_id: MaterialId,
}

/// How far away the expiration may be, in days.
///
/// AWS: KMS API reference, "ImportKeyMaterial", ValidTo.
const EXPIRATION_DAYS_MAX: u32 = 365;

impl ImportKeyMaterialRequest {
    /// AWS: what is imported expires unless the request says otherwise.
    fn expires(&self) -> bool {
        self.expiration_model != Some(ExpirationModel::DoesNotExpire)
    }

    fn presence(&self, now: Timestamp) -> Result<Presence, KmsError> {
        let Some(seconds) = self.valid_to.filter(|_| self.expires()) else { return Ok(Presence::Unlimited) };
        #[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates")]
        let valid_to = Timestamp((seconds * 1e3) as i64);
        // AWS: the rule; its text is not known.
        if valid_to <= now || valid_to > now.plus_days(EXPIRATION_DAYS_MAX) {
            return Err(KmsError::validation(format!(
                "ValidTo must be in the future, and at most {EXPIRATION_DAYS_MAX} days away"
            )));
        }
        Ok(Presence::Until(valid_to))
    }
}

impl Operation for ImportKeyMaterial {
    const NAME: &'static str = "ImportKeyMaterial";
    type Input = ImportKeyMaterialRequest;
    type Output = ImportKeyMaterialResponse;

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        match (input.expires(), input.valid_to) {
            // AWS (observed): the text.
            (true, None) => Err(KmsError::validation(
                "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
            )),
            (false, Some(_)) => Err(KmsError::validation(
                "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
            )),
            _ if input.import_type == Some(ImportType::New) && input.key_material_id.is_some() => {
                Err(known_id())
            }
            _ => Ok(()),
        }
    }

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        resolved.keys.iter().try_for_each(|found| {
            check_importable(&found.key)?;
            check_symmetric_members(input, &found.key)?;
            check_new(input, &found.key)
        })
    }
}

/// AWS: KMS API reference, "ImportKeyMaterial": three parameters are for symmetric keys alone; the text is not known.
fn check_symmetric_members(input: &ImportKeyMaterialRequest, key: &Key) -> Result<(), KmsError> {
    let given = [
        ("ImportType", input.import_type.is_some()),
        ("KeyMaterialDescription", input.key_material_description.is_some()),
        ("KeyMaterialId", input.key_material_id.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given && key.spec != KeySpec::SymmetricDefault) {
        Some((member, _)) => Err(unsupported(format!("{member} is not supported for KeySpec {}", key.spec))),
        None => Ok(()),
    }
}

/// What is new to related keys comes in by their primary.
///
/// AWS: KMS API reference, "ImportKeyMaterial", ImportType; the text is not known.
fn check_new(input: &ImportKeyMaterialRequest, key: &Key) -> Result<(), KmsError> {
    if input.import_type == Some(ImportType::New) && key.is_replica() {
        return Err(unsupported(format!("{} is not a multi-Region primary key.", key.arn)));
    }
    Ok(())
}

fn known_id() -> KmsError {
    KmsError::validation("KeyMaterialId cannot be specified if the ImportType is NEW_KEY_MATERIAL")
}

fn bare(code: ErrorCode) -> KmsError {
    KmsError::bare(code)
}

/// The token of the request, which is cheap to look at, and how long the material is to stay.
fn accept(
    authorized: &Authorized<'_>,
    input: &ImportKeyMaterialRequest,
) -> Result<(ImportToken, Presence), KmsError> {
    let (key, now) = (authorized.key()?, authorized.view.now());
    let presence = input.presence(now)?;
    let token = authorized.environment.import_token_key.open(key, &input.import_token.0);
    let token = token.ok_or_else(|| bare(ErrorCode::InvalidImportTokenException))?;
    if token.valid_to <= now {
        return Err(bare(ErrorCode::ExpiredImportTokenException));
    }
    Ok((token, presence))
}

impl Command for ImportKeyMaterial {
    /// Unwraps the material. The token says the same to the writer as it says here: that it is for this very key.
    fn prepare(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Option<Secret>, KmsError> {
        let (token, _) = accept(authorized, input)?;
        let material =
            token.wrapping.unwrap(&input.encrypted_key_material.0).map_err(|error| match error {
                // AWS (observed): the text.
                UnwrapError::Length => KmsError::validation("Invalid encrypted key size."),
                UnwrapError::Refused => bare(ErrorCode::InvalidCiphertextException),
            })?;
        let material = authorized.key()?.spec.import(&material);
        Ok(Some(material.map_err(|_| bare(ErrorCode::IncorrectKeyMaterialException))?))
    }

    fn decide(
        authorized: &Authorized<'_>,
        input: &Self::Input,
    ) -> Result<(Self::Output, Vec<Change>), KmsError> {
        let (_, presence) = accept(authorized, input)?;
        let (key, secret) = (authorized.key()?, authorized.prepared.ok_or_else(internal)?);
        let known = authorized.view.material(&key.arn, material_id(key.arn.id, secret));
        let import = Import {
            secret: secret.clone(),
            import_type: input.import_type,
            id: input.key_material_id,
            presence,
            description: input.key_material_description.clone(),
        };
        let imported = key.import(import, known.map(|known| &**known), authorized.view.now());
        let (key, material) = imported.map_err(|error| refusal(key, error))?;
        let output = ImportKeyMaterialResponse { key_id: key.arn, key_material_id: material.id };
        let mut changes: Vec<Change> = authorized.view.inform(&key, Some(&material)).collect();
        let records = [Record::Material(Arc::new(material)), Record::Key(Arc::new(key))];
        changes.extend(records.map(Change::Put));
        Ok((output, changes))
    }
}

fn refusal(key: &Key, error: ImportError) -> KmsError {
    match error {
        ImportError::Incorrect => bare(ErrorCode::IncorrectKeyMaterialException),
        ImportError::KnownId => known_id(),
        // AWS (observed): the text.
        ImportError::Pending { new, pending } => KmsError::new(
            ErrorCode::KMSInvalidStateException,
            format!(
                "New key material (id: {new}) cannot be imported into KMS key {}, because another key material \
                 (id: {pending}) is pending rotation.",
                key.arn
            ),
        ),
    }
}
