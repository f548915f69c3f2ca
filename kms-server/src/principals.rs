//! Principals as people write them: in the settings file, in a file of their own, and in the control API.
//!
//! One reader serves all three, so that what `GET /_kms/principals` prints can be put back, or into a file.
//!
//! ```yaml
//! accounts:
//!   - id: "111122223333"
//!     organization: { id: o-a1b2c3d4e5, service_control: [[FullAWSAccess]] }
//! users:
//!   - arn: arn:aws:iam::111122223333:user/alice
//!     tags: { team: red }
//!     policies:
//!       - AWSKeyManagementServicePowerUser
//!       - name: decrypt
//!         document: { Statement: { Effect: Allow, Action: "kms:Decrypt", Resource: "*" } }
//!     access_keys: [{ id: AKIDEXAMPLE, secret: example }]
//! roles:
//!   - account: "111122223333"
//!     name: app
//!     trust: { Statement: { Effect: Allow, Principal: { AWS: "111122223333" }, Action: "sts:AssumeRole" } }
//! ```

mod change;
mod policy;
mod print;
mod read;

#[cfg(test)]
mod tests;

pub use self::change::{Name, Refused, create_access_key, delete, put};
pub(crate) use self::policy::{list as policies, one as policy};
pub use self::print::printed;
pub(crate) use self::read::tags_of;
pub use self::read::{ACCESS_KEY_ID, SECRET, entries_of, is_access_key_id, is_secret, principal};

use std::fmt;

use lifecycle::iam::Entry;

use crate::document::{Language, Node};

/// Longest file of principals in bytes.
pub const PRINCIPALS_BYTES_MAX: usize = 16 << 20;

/// Why a file of principals cannot be used. `Display` is `name:line:column: reason`, and the reason names the principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalsError(String);

impl fmt::Display for PrincipalsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PrincipalsError {}

/// Reads the text of the file `name`, whose extension tells the language: `.toml`, `.yaml` or `.yml`.
///
/// # Errors
/// The first fault of the file.
pub fn parse(name: &str, text: &str) -> Result<Vec<Entry>, PrincipalsError> {
    let Some(language) = Language::of(name) else {
        return Err(PrincipalsError(format!(
            "{name}: principals are TOML or YAML: the name must end in .toml, .yaml or .yml"
        )));
    };
    Node::parse(language, text, PRINCIPALS_BYTES_MAX)
        .and_then(|root| entries_of(&root))
        .map_err(|error| PrincipalsError(format!("{name}:{error}")))
}
