//! The arguments of `kms-server tables`.

use clap::{Args, Subcommand};

use super::ScopeArguments;

/// The commands about tables that are encrypted at rest.
#[derive(Debug, Clone, Subcommand)]
pub enum TablesCommand {
    /// List the tables of all accounts and Regions: status, kind of key, key
    List,
    /// Show one table: its key, how it stands, what happens next, and what it waits for
    Show {
        /// Which.
        #[command(flatten)]
        table: TableArguments,
    },
    /// Tell what has happened to a table by itself, and what happens next
    Timeline {
        /// Which.
        #[command(flatten)]
        table: TableArguments,
    },
    /// Put a table under another key, as UpdateTable with an SSESpecification does
    ///
    /// AWS allows four changes in 24 hours, and one more every six hours; a change to an owned key is always allowed. It takes
    /// 22 seconds on the clock of keys, in which both keys are needed.
    #[command(
        after_help = "Examples:\n  kms-server tables switch-key books --kms alias/app\n  kms-server tables switch-key books --managed\n  kms-server tables switch-key books --owned"
    )]
    SwitchKey {
        /// Which.
        #[command(flatten)]
        table: TableArguments,

        /// The new key.
        #[command(flatten)]
        target: Target,
    },
    /// Tell which calls to KMS the tables caused, and what connections that are kept alive save
    Report,
}

/// A table.
#[derive(Debug, Clone, Args)]
pub struct TableArguments {
    /// Name of the table
    #[arg(value_name = "TABLE")]
    pub name: String,

    /// Where it is.
    #[command(flatten)]
    pub scope: ScopeArguments,
}

/// A key for a table.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct Target {
    /// A KMS key: key id, key ARN, alias name or alias ARN
    #[arg(long, value_name = "KEY")]
    pub kms: Option<String>,

    /// The AWS managed key aws/dynamodb of the account, which is made if need be
    #[arg(long)]
    pub managed: bool,

    /// An AWS owned key
    #[arg(long)]
    pub owned: bool,
}
