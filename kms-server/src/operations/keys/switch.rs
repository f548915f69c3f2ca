//! EnableKey, DisableKey and UpdateKeyDescription.

use lifecycle::key::{Key, Switch};
use lifecycle::state::Change;
use serde::Deserialize;

use super::put;
use crate::api::error::KmsError;
use crate::operations::{Authorized, Command, Operation};

#[derive(Deserialize)]
pub(in crate::operations) struct SwitchRequest {}

/// AWS: KMS API reference, "EnableKey".
pub(in crate::operations) struct EnableKey;

impl Operation for EnableKey {
    const NAME: &'static str = "EnableKey";
    type Input = SwitchRequest;
    type Output = ();
}

impl Command for EnableKey {
    fn decide(authorized: &Authorized<'_>, _: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        switch(authorized, Switch::Enabled)
    }
}

/// AWS: KMS API reference, "DisableKey".
pub(in crate::operations) struct DisableKey;

impl Operation for DisableKey {
    const NAME: &'static str = "DisableKey";
    type Input = SwitchRequest;
    type Output = ();
}

impl Command for DisableKey {
    fn decide(authorized: &Authorized<'_>, _: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        switch(authorized, Switch::Disabled)
    }
}

fn switch(authorized: &Authorized<'_>, to: Switch) -> Result<((), Vec<Change>), KmsError> {
    let key = authorized.key()?;
    if key.switch == to {
        return Ok(((), Vec::new()));
    }
    Ok(((), put(key.switch_to(to, authorized.view.now()))))
}

/// AWS: KMS API reference, "UpdateKeyDescription".
pub(in crate::operations) struct UpdateKeyDescription;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct UpdateKeyDescriptionRequest {
    description: String,
}

impl Operation for UpdateKeyDescription {
    const NAME: &'static str = "UpdateKeyDescription";
    type Input = UpdateKeyDescriptionRequest;
    type Output = ();
}

impl Command for UpdateKeyDescription {
    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let description = input.description.as_str().into();
        Ok(((), put(Key { description, ..Key::clone(authorized.key()?) })))
    }
}
