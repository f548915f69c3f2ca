//! `config.toml`: every setting with its value and its reason.

use super::Config;
use super::setting::Setting;

/// Principals are no settings; this shows where they may stand.
const PRINCIPALS: &str = r#"
# Accounts, users, roles and their access keys may stand here as well as in the file of --principals.
# [[principals.users]]
# arn = "arn:aws:iam::111122223333:user/alice"
# policies = ["AWSKeyManagementServicePowerUser"]
# access_keys = [{ id = "AKIDALICE", secret = "SECRET" }]
"#;

/// Writes `config` as a file that loads into the same settings. It holds the secrets of `auth.access_keys`.
pub fn to_toml(config: &Config) -> String {
    let mut text = String::from(
        "# Every setting of kms-server with its default. A flag wins over an environment variable, a variable over this\n\
         # file, and this file over the default: --port, KMS_SERVER_PORT, then port in [server].\n\
         # Use it with: kms-server --config config.toml\n",
    );
    let mut table = "";
    for setting in Setting::all() {
        if setting.table() != table {
            table = setting.table();
            text.push_str(&format!("\n# {}\n[{table}]\n", setting.table_about()));
        }
        let value = setting.toml(config);
        text.push_str(&format!("# {}\n{} = {value}\n", setting.reason(), setting.name()));
    }
    text.push_str(PRINCIPALS);
    text
}
