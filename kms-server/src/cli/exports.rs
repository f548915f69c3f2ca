//! What `env` prints: the variables that point the AWS CLI and SDKs of a shell at a server.

use super::endpoint::{ENDPOINT_VARIABLE, Endpoint};
use clap::ValueEnum;
use lifecycle::ids::{AccountId, Region};
use serde_json::{Map, Value};

/// The shells that `env` writes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// sh, bash, zsh: `eval "$(kms-server env)"`.
    Sh,
    /// fish: `kms-server env --shell fish | source`.
    Fish,
    /// PowerShell: `kms-server env --shell powershell | Out-String | Invoke-Expression`.
    Powershell,
}

/// The credentials that a client is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCredentials {
    /// Those that act as the root of an account: its number as access key, any secret.
    Account(AccountId),
    /// Those that the shell has already.
    Kept,
}

/// What a client must know of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientEnvironment {
    /// Where the server is.
    pub endpoint: Endpoint,
    /// Region of the requests.
    pub region: Region,
    /// Who the requests come from.
    pub credentials: ClientCredentials,
    /// PEM file of the CA that signed the server's certificate, when it is not publicly trusted.
    pub ca_bundle: Option<String>,
}

/// A variable and its new value; `None` unsets it.
type Assignment<'e> = (&'static str, Option<&'e str>);

impl ClientEnvironment {
    /// The commands that set the variables in `shell`, one a line.
    pub fn to_shell(&self, shell: Shell) -> String {
        self.assignments().into_iter().map(|(name, value)| statement(shell, name, value)).collect()
    }

    /// The variables as a JSON object; null means that a variable must not be set.
    pub fn to_json(&self) -> Value {
        let member = |(name, value): Assignment<'_>| (name.to_owned(), Value::from(value));
        Value::Object(self.assignments().into_iter().map(member).collect::<Map<_, _>>())
    }

    // AWS: "Service-specific endpoints" and "Environment variables" of the AWS SDKs and Tools Reference Guide
    fn assignments(&self) -> Vec<Assignment<'_>> {
        let endpoint = Some(self.endpoint.as_str());
        let region = Some(self.region.as_str());
        let mut assignments = vec![
            ("AWS_ENDPOINT_URL_KMS", endpoint),
            ("AWS_ENDPOINT_URL_STS", endpoint),
            ("AWS_ENDPOINT_URL_CLOUDTRAIL", endpoint),
            (ENDPOINT_VARIABLE, endpoint),
            ("AWS_REGION", region),
            // Older tools, and the AWS CLI before version 2, read only this one.
            ("AWS_DEFAULT_REGION", region),
        ];
        if let ClientCredentials::Account(account) = &self.credentials {
            assignments.push(("AWS_ACCESS_KEY_ID", Some(account.as_str())));
            assignments.push(("AWS_SECRET_ACCESS_KEY", Some("local")));
            // A token left over from another account would travel with these credentials.
            assignments.push(("AWS_SESSION_TOKEN", None));
        }
        if let Some(path) = &self.ca_bundle {
            assignments.push(("AWS_CA_BUNDLE", Some(path)));
        }
        assignments
    }
}

fn statement(shell: Shell, name: &str, value: Option<&str>) -> String {
    match (shell, value) {
        (Shell::Sh, Some(value)) => format!("export {name}='{}'\n", value.replace('\'', r"'\''")),
        (Shell::Sh, None) => format!("unset {name}\n"),
        (Shell::Fish, Some(value)) => {
            format!("set -gx {name} '{}';\n", value.replace('\\', r"\\").replace('\'', r"\'"))
        }
        (Shell::Fish, None) => format!("set -e {name};\n"),
        (Shell::Powershell, Some(value)) => format!("$Env:{name} = '{}'\n", value.replace('\'', "''")),
        (Shell::Powershell, None) => format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue\n"),
    }
}
