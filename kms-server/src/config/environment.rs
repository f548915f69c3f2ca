//! Environment variables as a value.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

/// The environment variables of a process. `Debug` shows their names only, because a value may be the root key.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
}

impl Environment {
    /// The variables of this process, as they are now.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment; all else is given this value"
    )]
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// The value of `name`; `None` when it is not set or is not Unicode.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.to_str()
    }

    /// The variables whose names begin with `prefix`, by name; the value is `None` when it is not Unicode.
    pub(super) fn with_prefix(&self, prefix: &'static str) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.variables
            .range(prefix.to_owned()..)
            .take_while(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.to_str()))
    }
}

/// A variable whose name is not Unicode is left out: nothing here has such a name.
impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into().into_string().ok()?, value.into())))
            .collect();
        Self { variables }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
