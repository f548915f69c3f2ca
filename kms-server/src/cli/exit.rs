//! How the process ends.

use clap::error::ErrorKind;

/// The exit codes, the same for all commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Done.
    Ok,
    /// It failed for a reason that has no code of its own.
    Failure,
    /// The arguments or the settings are wrong; nothing was done.
    Usage,
    /// No server answers at the endpoint.
    Unreachable,
    /// The server answered with an error, such as a key that does not exist.
    Refused,
    /// The data directory cannot be used: locked, damaged, or sealed under another root key.
    Data,
    /// `doctor` found something to repair.
    Findings,
    /// `explain`: the answer is that it is denied.
    Denied,
    /// `clock wait`: it has not come about in time.
    TimedOut,
}

impl ExitCode {
    /// Every exit code, in ascending order.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::Failure,
        Self::Usage,
        Self::Unreachable,
        Self::Refused,
        Self::Data,
        Self::Findings,
        Self::Denied,
        Self::TimedOut,
    ];

    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
            Self::Data => 5,
            Self::Findings => 6,
            Self::Denied => 7,
            Self::TimedOut => 8,
        }
    }

    /// What it means, for the help.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Failure => "failed, for a reason that has no code of its own",
            Self::Usage => "wrong arguments or settings; nothing was done",
            Self::Unreachable => "no server answers at the endpoint",
            Self::Refused => "the server answered with an error",
            Self::Data => "the data directory is locked, damaged, or sealed under another root key",
            Self::Findings => "doctor found something to repair",
            Self::Denied => "explain answers that it is denied",
            Self::TimedOut => "clock wait has waited in vain",
        }
    }

    /// The code for arguments that did not parse; asking for help or the version is no error.
    pub fn of_arguments(error: &clap::Error) -> Self {
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Self::Ok,
            _ => Self::Usage,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}
