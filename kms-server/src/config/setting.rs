//! What is known about a setting besides its value: its names, its reason, and how to read and write it.

use super::Config;
use super::settings::GROUPS;
use super::value::{Notation, Value, ValueError};
use crate::document::Node;
use std::sync::LazyLock;

/// Settings that stand together: one table of the file.
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) flag_prefix: &'static str,
    pub(super) about: &'static str,
    pub(super) settings: &'static [Declaration],
}

/// One line of the declaration.
pub(super) struct Declaration {
    pub(super) name: &'static str,
    pub(super) reason: &'static str,
    pub(super) expected: fn() -> String,
    pub(super) notation: Notation,
    pub(super) assign: fn(&mut Config, Input<'_>) -> Result<(), ValueError>,
    pub(super) text: fn(&Config) -> String,
    pub(super) toml: fn(&Config) -> String,
}

/// A value that is not read yet.
#[derive(Clone, Copy)]
pub(super) enum Input<'i> {
    /// From a flag or an environment variable.
    Text(&'i str),
    /// From the file.
    Node(&'i Node),
}

impl Input<'_> {
    pub(super) fn read<T: Value>(self) -> Result<T, ValueError> {
        match self {
            Self::Text(text) => T::from_text(text),
            Self::Node(node) => T::from_node(node),
        }
    }
}

/// A setting, by all its names.
pub struct Setting {
    group: &'static Group,
    declaration: &'static Declaration,
    path: String,
    flag: String,
    variable: String,
    heading: String,
}

impl Setting {
    /// Every setting, in the order of `config.toml`.
    pub fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<Setting>> = LazyLock::new(|| {
            let of = |group: &'static Group| {
                group.settings.iter().map(move |declaration| Setting::of(group, declaration))
            };
            GROUPS.iter().flat_map(of).collect()
        });
        &ALL
    }

    fn of(group: &'static Group, declaration: &'static Declaration) -> Self {
        let flag = format!("{}{}", group.flag_prefix, declaration.name.replace('_', "-"));
        let variable = format!("{}{}", super::VARIABLE_PREFIX, flag.replace('-', "_").to_ascii_uppercase());
        let path = format!("{}.{}", group.name, declaration.name);
        let heading = format!("Settings [{}]", group.name);
        Self { group, declaration, path, flag, variable, heading }
    }

    /// Its table in the file, such as `server`.
    pub fn table(&self) -> &'static str {
        self.group.name
    }

    /// What the settings of its table are about, in one line.
    pub fn table_about(&self) -> &'static str {
        self.group.about.trim()
    }

    /// The heading of its table in the help of commands, such as `Settings [server]`.
    pub fn heading(&self) -> &str {
        &self.heading
    }

    /// Its name within its table, such as `port`.
    pub fn name(&self) -> &'static str {
        self.declaration.name
    }

    /// Table and name, such as `server.port`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its flag without the leading dashes, such as `port`.
    pub fn flag(&self) -> &str {
        &self.flag
    }

    /// Its environment variable, such as `KMS_SERVER_PORT`.
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// What it does and why one would change it, in one line.
    pub fn reason(&self) -> &'static str {
        self.declaration.reason.trim()
    }

    /// What a value looks like, such as "a whole number from 0 to 65535".
    pub fn expected(&self) -> String {
        (self.declaration.expected)()
    }

    /// How a value is written in the file.
    pub fn notation(&self) -> Notation {
        self.declaration.notation
    }

    /// The value that `config` has, as a flag takes it. The value of `auth.access_keys` is secret.
    pub fn text(&self, config: &Config) -> String {
        (self.declaration.text)(config)
    }

    /// The value that `config` has, as the file takes it. The value of `auth.access_keys` is secret.
    pub fn toml(&self, config: &Config) -> String {
        (self.declaration.toml)(config)
    }

    pub(super) fn assign(&self, config: &mut Config, input: Input<'_>) -> Result<(), ValueError> {
        (self.declaration.assign)(config, input)
    }
}
