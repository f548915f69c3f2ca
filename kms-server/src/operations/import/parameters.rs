//! GetParametersForImport.

use lifecycle::ids::{KeyArn, Region};
use lifecycle::key::{WrappingAlgorithm, WrappingKey, WrappingKeySpec};
use serde::{Deserialize, Serialize};

use super::{check_importable, unsupported};
use crate::api::blob::PublicBlob;
use crate::api::error::KmsError;
use crate::operations::material::is_in_china;
use crate::operations::metadata::Date;
use crate::operations::{Authorized, Operation, Query, Resolved};

/// AWS: KMS API reference, "GetParametersForImport". The private wrapping key travels in the token, so that this is a query.
pub(in crate::operations) struct GetParametersForImport;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct GetParametersForImportRequest {
    wrapping_algorithm: WrappingAlgorithm,
    wrapping_key_spec: WrappingKeySpec,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct GetParametersForImportResponse {
    key_id: KeyArn,
    import_token: PublicBlob,
    public_key: PublicBlob,
    parameters_valid_to: Date,
}

/// AWS: KMS developer guide, "Importing key material", table of wrapping algorithms: some are for the Regions in China alone,
/// or for all others. The texts are not known.
fn check_wrapping(input: &GetParametersForImportRequest, region: Region) -> Result<(), KmsError> {
    let (algorithm, spec) = (input.wrapping_algorithm, input.wrapping_key_spec);
    let available = match algorithm {
        // AWS: no longer supported since October 2023.
        WrappingAlgorithm::RsaesPkcs1 => false,
        WrappingAlgorithm::Sm2pke => is_in_china(region),
        WrappingAlgorithm::RsaAesKeyWrapSha1 | WrappingAlgorithm::RsaAesKeyWrapSha256 => !is_in_china(region),
        WrappingAlgorithm::RsaesOaepSha1 | WrappingAlgorithm::RsaesOaepSha256 => true,
    };
    if !available {
        return Err(unsupported(format!("WrappingAlgorithm {algorithm} is not supported in this Region")));
    }
    if !algorithm.works_with(spec) {
        let text = format!("WrappingAlgorithm {algorithm} is not compatible with WrappingKeySpec {spec}");
        return Err(unsupported(text));
    }
    Ok(())
}

impl Operation for GetParametersForImport {
    const NAME: &'static str = "GetParametersForImport";
    type Input = GetParametersForImportRequest;
    type Output = GetParametersForImportResponse;

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        resolved.keys.iter().try_for_each(|found| {
            check_importable(&found.key)?;
            check_wrapping(input, found.key.arn.scope.region)?;
            let (algorithm, wrapping) = (input.wrapping_algorithm, input.wrapping_key_spec);
            if algorithm.carries(found.key.spec, wrapping) {
                return Ok(());
            }
            Err(unsupported(format!(
                "WrappingAlgorithm {algorithm} with WrappingKeySpec {wrapping} is not supported for KeySpec {}",
                found.key.spec
            )))
        })
    }
}

impl Query for GetParametersForImport {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let (key, environment) = (authorized.key()?, authorized.environment);
        let entropy = environment.entropy;
        let wrapping = WrappingKey::generate(input.wrapping_key_spec, input.wrapping_algorithm, entropy)?;
        let tokens = environment.import_token_key;
        let (token, valid_to) = tokens.seal(key, &wrapping, authorized.view.now(), entropy)?;
        Ok(GetParametersForImportResponse {
            key_id: key.arn,
            import_token: PublicBlob(token),
            public_key: PublicBlob(wrapping.public_key()?),
            parameters_valid_to: Date(valid_to),
        })
    }
}
