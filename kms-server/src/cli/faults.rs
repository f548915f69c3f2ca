//! The arguments of `faults`, and the fault that they make.

use super::arguments::{key, value};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The commands about faults.
#[derive(Debug, Clone, Subcommand)]
pub enum FaultsCommand {
    /// Make requests slow, or make them fail; all that are not limited further
    Add(Box<FaultArguments>),
    /// List the faults, and how often each has matched and struck
    List,
    /// Remove a fault
    Remove {
        /// Its id, from the list
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Remove all faults
    Clear,
}

/// A fault. What is given several times is a list, any of which must match.
#[derive(Debug, Clone, Args)]
pub struct FaultArguments {
    /// Fail with this code: ThrottlingException, KMSInternalException, KeyUnavailableException or
    /// DependencyTimeoutException
    #[arg(long, value_name = "CODE", required_unless_present = "latency")]
    error: Option<String>,

    /// Text of the error, instead of AWS's
    #[arg(long, value_name = "TEXT", requires = "error")]
    message: Option<String>,

    /// Time to wait first, such as 200ms; at most 60s
    #[arg(long, value_name = "DURATION")]
    latency: Option<String>,

    /// Only this operation, such as Decrypt
    #[arg(long, value_name = "NAME")]
    operation: Vec<String>,

    /// Only requests about this key: its id or ARN, or the name or ARN of an alias
    #[arg(long, value_name = "KEY", value_parser = key)]
    key: Vec<String>,

    /// Only requests of this caller: the ARN of a user, role or session, or an account
    #[arg(long, value_name = "ARN")]
    principal: Vec<String>,

    /// Only this share of them, from 0 to 1
    #[arg(long, value_name = "NUMBER")]
    share: Option<f64>,

    /// Number that decides which of them make up the share [default: 0]
    #[arg(long, value_name = "NUMBER", requires = "share")]
    seed: Option<u64>,

    /// Only from this moment on, on the server's clock
    #[arg(long, value_name = "MOMENT", value_parser = value::<Timestamp>)]
    from: Option<Timestamp>,

    /// Only before this moment, on the server's clock
    #[arg(long, value_name = "MOMENT", value_parser = value::<Timestamp>)]
    until: Option<Timestamp>,

    /// Only so many times
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

impl FaultArguments {
    /// The fault as `POST /_kms/faults` takes it.
    #[must_use]
    pub fn fault(&self) -> Value {
        let list = |names: &[String]| if names.is_empty() { Value::Null } else { json!(names) };
        let moment = |at: Option<Timestamp>| json!(at.map(|at| at.to_string()));
        let members = [
            ("error", json!(self.error)),
            ("message", json!(self.message)),
            ("latency", json!(self.latency)),
            ("operations", list(&self.operation)),
            ("keys", list(&self.key)),
            ("principals", list(&self.principal)),
            ("share", json!(self.share)),
            ("seed", json!(self.seed)),
            ("from", moment(self.from)),
            ("until", moment(self.until)),
            ("count", json!(self.count)),
        ];
        let given = members.into_iter().filter(|(_, value)| !value.is_null());
        given.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
    }
}

/// The arguments of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArguments {
    /// Months to show bills of
    #[arg(long, value_name = "NUMBER", default_value_t = 12, value_parser = clap::value_parser!(u8).range(1..=120))]
    pub months: u8,
}

#[cfg(test)]
mod tests {
    use super::super::{Arguments, Command};
    use super::*;

    fn parse(line: &str) -> Result<Value, String> {
        let words = ["kms-server", "faults", "add"].into_iter().chain(line.split_whitespace());
        match Arguments::parse_arguments(words).map_err(|error| error.to_string())?.command {
            Command::Faults(FaultsCommand::Add(fault)) => Ok(fault.fault()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_fault_has_what_was_given_and_no_more() {
        assert_eq!(parse("--latency 1s").unwrap(), json!({"latency": "1s"}));
        let line = "--error ThrottlingException --message m --latency 200ms --operation Decrypt --operation Encrypt --key \
                    alias/app --principal 111122223333 --share 0.5 --seed 7 --from 2026-01-01T00:00:00Z --until \
                    2026-02-01T00:00:00Z --count 3";
        let expected = json!({
            "error": "ThrottlingException", "message": "m", "latency": "200ms", "operations": ["Decrypt", "Encrypt"],
            "keys": ["alias/app"], "principals": ["111122223333"], "share": 0.5, "seed": 7,
            "from": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z", "count": 3,
        });
        assert_eq!(parse(line).unwrap(), expected);
        for (line, part) in [
            ("", "--error"),
            ("--latency 1s --message m", "--error"),
            ("--latency 1s --seed 1", "--share"),
            ("--latency 1s --count 0", "--count"),
        ] {
            assert!(parse(line).unwrap_err().contains(part), "{line}");
        }
    }
}
