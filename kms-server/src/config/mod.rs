//! Settings: what there is to set, where a value comes from, and what it means.
//!
//! A flag wins over an environment variable `KMS_SERVER_<SETTING>`, a variable over the file, the file over the default. All
//! settings are declared once, in `settings.rs`.

mod access_key;
mod cluster;
mod cron_expression;
mod environment;
mod file;
mod identity;
mod load;
mod log_filter;
mod mail;
mod setting;
mod settings;
mod template;
mod value;
mod variable_name;
mod web_identity;
mod webhook_url;
mod xks_proxy;

#[cfg(test)]
mod tests;

pub use self::access_key::AccessKeys;
pub(crate) use self::access_key::access_key;
pub use self::cluster::{Clusters, ConfiguredCluster};
pub use self::cron_expression::CronExpression;
pub use self::environment::Environment;
pub use self::file::read_text;
pub use self::load::{ConfigError, FILE_BYTES_MAX, FlagValue, Loaded, SettingsFile};
pub use self::log_filter::LogFilter;
pub use self::mail::{MailAddresses, MailHost, MailServer};
pub use self::setting::Setting;
pub use self::settings::{
    Audit, Auth, Clock, Config, CustomKeyStores, Events, Identity, Limits, Log, RootKey, Server, Storage,
    Sts, Tables,
};
pub use self::template::to_toml;
pub use self::value::{
    Authorization, ByteSize, CacheUnit, LogFormat, Notation, QuotaWindow, Rate, RootKeySource,
    ServiceHeaders, Share, Signatures, Tls, UnknownAccessKey, Value, ValueError,
};
pub use self::variable_name::VariableName;
pub use self::web_identity::{WebIdentities, WebIdentity};
pub use self::webhook_url::WebhookUrl;
pub use self::xks_proxy::XksProxies;

use std::path::PathBuf;

/// What the name of a setting's environment variable begins with.
pub const VARIABLE_PREFIX: &str = "KMS_SERVER_";

/// Names the settings file, where `--config` does not.
pub const FILE_VARIABLE: &str = "KMS_SERVER_CONFIG";

/// Names the seed file, where `--seed` does not.
pub const SEED_VARIABLE: &str = "KMS_SERVER_SEED";

/// Names the file of principals, where `--principals` does not.
pub const PRINCIPALS_VARIABLE: &str = "KMS_SERVER_PRINCIPALS";

/// The variables that begin like settings and are none: they name files.
const FILE_VARIABLES: [&str; 3] = [FILE_VARIABLE, SEED_VARIABLE, PRINCIPALS_VARIABLE];

impl Config {
    /// The file of the root key: the configured one, or `root.key` in the data directory.
    pub fn root_key_file(&self) -> PathBuf {
        self.root_key.file.clone().unwrap_or_else(|| self.storage.data_dir.join("root.key"))
    }
}
