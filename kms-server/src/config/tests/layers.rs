use crate::config::*;
use proptest::prelude::*;
use std::ffi::OsString;
use std::path::PathBuf;

fn setting(flag: &str) -> &'static Setting {
    Setting::all().iter().find(|setting| setting.flag() == flag).unwrap()
}

fn flags(given: &[(&str, &str)]) -> Vec<FlagValue> {
    given.iter().map(|(flag, text)| FlagValue { setting: setting(flag), text: (*text).to_owned() }).collect()
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

fn load_file(text: &str) -> Result<Loaded, ConfigError> {
    Config::load(Some(SettingsFile { name: "k.toml", text }), &Environment::default(), &[])
}

fn fault_of(text: &str) -> String {
    load_file(text).unwrap_err().to_string()
}

#[test]
fn flag_over_environment_over_file_over_default() {
    let file = Some(SettingsFile { name: "k.toml", text: "[server]\nport = 1\n" });
    let variables = environment(&[("KMS_SERVER_PORT", "2")]);
    let port = |file, variables: &Environment, given: &[(&str, &str)]| {
        Config::load(file, variables, &flags(given)).unwrap().config.server.port
    };
    assert_eq!(port(None, &Environment::default(), &[]), 4566);
    assert_eq!(port(file, &Environment::default(), &[]), 1);
    assert_eq!(port(file, &variables, &[]), 2);
    assert_eq!(port(file, &variables, &[("port", "3")]), 3);
    assert_eq!(port(file, &variables, &[("port", "3"), ("port", "4")]), 4);
}

#[test]
fn faults_in_the_file_name_line_column_and_remedy() {
    let cases = [
        ("[server]\nprot = 1\n", "k.toml:2:1: `server.prot` is no setting; the nearest is `server.port`"),
        ("prot = 1\n", "k.toml:1:1: `prot` is no setting; the nearest is `server.port`"),
        ("port = 1\n", "k.toml:1:1: `port` is no setting; the nearest is `server.port`"),
        ("[storage]\nport = 1\n", "k.toml:2:1: `storage.port` is no setting; the nearest is `server.port`"),
        ("[srever]\nport = 1\n", "k.toml:1:2: `srever` is no table of settings; the nearest is `[server]`"),
        ("server = 1\n", "k.toml:1:10: expected a table, [server], found a whole number"),
        (
            "[server]\nport = 65536\n",
            "k.toml:2:8: server.port: expected a whole number from 0 to 65535, found `65536`",
        ),
        (
            "[server]\nport = \"80\"\n",
            "k.toml:2:8: server.port: expected a whole number from 0 to 65535, found the text `80` in quotes",
        ),
        (
            "[server]\nport = 8.5\n",
            "k.toml:2:8: server.port: expected a whole number from 0 to 65535, found a number with a fraction",
        ),
        (
            "[server]\nrequest_timeout = 5\n",
            "k.toml:2:19: server.request_timeout: expected a duration such as 500ms, 5s, 2m, 1h or 1d, found a whole number without quotes",
        ),
        (
            "[server]\nkeep_alive = \"2d\"\n",
            "k.toml:2:14: server.keep_alive: expected from 1s to 1d, found 2d",
        ),
        (
            "[server]\nbody_bytes_max = \"1MB\"\n",
            "k.toml:2:18: server.body_bytes_max: expected a size such as 4096, 64KiB, 1MiB or 1GiB, found `1MB`",
        ),
        (
            "[server]\naddress = \"localhost\"\n",
            "k.toml:2:11: server.address: expected an IP address such as 127.0.0.1, 0.0.0.0 or ::1, found `localhost`",
        ),
        (
            "[storage]\nmemory = \"yes\"\n",
            "k.toml:2:10: storage.memory: expected true or false, found the text `yes` in quotes",
        ),
        (
            "[storage]\ndata_dir = \"\"\n",
            "k.toml:2:12: storage.data_dir: expected the path of a file or directory, found an empty text",
        ),
        (
            "[identity]\naccount = 12\n",
            "k.toml:2:11: identity.account: expected an account of 12 digits in quotes, such as \"000000000000\", found `12`",
        ),
        (
            "[identity]\nregion = \"mars\"\n",
            "k.toml:2:10: identity.region: expected a Region such as us-east-1, found `mars`",
        ),
        (
            "[auth]\nunknown_access_key = \"rot\"\n",
            "k.toml:2:22: auth.unknown_access_key: expected one of `auto`, `root`, `reject`, found `rot`",
        ),
        (
            "[auth]\nmode = \"enfroce\"\n",
            "k.toml:2:8: auth.mode: expected one of `enforce`, `log`, `off`, found `enfroce`",
        ),
        (
            "[auth]\npolicy_steps_max = 0\n",
            "k.toml:2:20: auth.policy_steps_max: expected from 1000 to 1000000000, found 0",
        ),
        (
            "[auth]\naccess_keys = [{ id = \"A\", secret = \"s\", principal = \"1\" }]\n",
            "k.toml:2:54: auth.access_keys: expected an account of 12 digits, the ARN of a user or role session such as arn:aws:iam::111122223333:user/app, or a service such as dynamodb.amazonaws.com, found `1`",
        ),
        (
            "[[auth.access_keys]]\nid = \"A\"\nsecert = \"s\"\n",
            "k.toml:3:1: auth.access_keys: an access key has no field `secert`; the nearest is `secret`",
        ),
        (
            "[[auth.access_keys]]\nid = \"A\"\nsecret = \"very secret\"\nprincipal = \"111122223333\"\n",
            "k.toml:3:10: auth.access_keys: expected a secret access key of 1 to 256 visible ASCII characters without `:`",
        ),
        (
            "[clock]\nrate = 0\n",
            "k.toml:2:8: clock.rate: expected a rate above 0 and up to 4000000000 (1.0 is real time; clock.frozen = true stops the clock), found `0`",
        ),
        (
            "[clock]\nrate = nan\n",
            "k.toml:2:8: clock.rate: expected a rate above 0 and up to 4000000000 (1.0 is real time; clock.frozen = true stops the clock), found `NaN`",
        ),
        (
            "[log]\nfilter = \"kms=loud\"\n",
            "k.toml:2:10: log.filter: expected a log filter without spaces such as info or warn,kms_server=debug, found `kms=loud`",
        ),
        (
            "[root_key]\nvariable = \"KMS_SERVER_PORT\"\n",
            "root_key.variable: KMS_SERVER_PORT is the variable of another setting; choose another name",
        ),
        (
            "[server]\ntls_certificate = \"c.pem\"\n",
            "server.tls_private_key: give the private key of server.tls_certificate",
        ),
        ("[server]\nport = 1\nport = 2\n", "k.toml:3:1: this is not TOML: duplicate key"),
    ];
    for (text, expected) in cases {
        assert_eq!(fault_of(text), expected, "{text}");
    }
}

#[test]
fn an_access_key_error_shows_its_place_within_the_list() {
    let twice = "[[auth.access_keys]]\nid = \"A\"\nsecret = \"s\"\nprincipal = \"111122223333\"\n".repeat(2);
    assert_eq!(fault_of(&twice), "k.toml:5:1: auth.access_keys: the access key id `A` is given twice");
}

#[test]
fn faults_in_variables_and_flags_name_them() {
    let variables = environment(&[("KMS_SERVER_PORT", "tcp://10.0.0.1:80"), ("KMS_SERVER_MEMORY", "")]);
    let error = Config::load(None, &variables, &flags(&[("data-dir", ""), ("workers", "9999")])).unwrap_err();
    assert_eq!(
        error.faults(),
        [
            "KMS_SERVER_MEMORY: expected true or false, found an empty text",
            "KMS_SERVER_PORT: expected a whole number from 0 to 65535, found `tcp://10.0.0.1:80` \
             (Kubernetes set this for a service of the same name; use enableServiceLinks: false)",
            "--data-dir: expected the path of a file or directory, found an empty text",
            "--workers: expected from 0 to 1024, found 9999",
        ]
    );
    assert_eq!(error.to_string().lines().count(), 4);
}

#[test]
fn all_faults_are_told_and_few_are_shown() {
    let text: String =
        std::iter::once("[server]\n".to_owned()).chain((0..30).map(|n| format!("x{n} = 1\n"))).collect();
    let error = load_file(&text).unwrap_err();
    assert_eq!(error.faults().len(), 30);
    assert!(error.to_string().ends_with("\nand 10 more"));
    assert_eq!(error.to_string().lines().count(), 21);
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let variables = environment(&[
        ("KMS_SERVER_PROT", "1"),
        ("KMS_SERVER_CONFIG", "x.toml"),
        ("KMS_SERVER_SEED", "x.yaml"),
        ("KMS_SERVER_ROOT_KEY", "secret"),
        ("KMS_SERVE", "1"),
        ("PATH", "/bin"),
    ]);
    let loaded = Config::load(None, &variables, &[]).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(
        loaded.warnings,
        ["`KMS_SERVER_PROT` is no setting and has no effect; the nearest is `KMS_SERVER_PORT`"]
    );
    // Once the root key is elsewhere, its usual variable is as unknown as any other.
    let moved = Config::load(None, &variables, &flags(&[("root-key-variable", "OTHER")])).unwrap();
    assert_eq!(moved.warnings.len(), 2);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_an_error_for_a_setting_only() {
    use std::os::unix::ffi::OsStringExt as _;
    let broken = || OsString::from_vec(vec![0xff]);
    let variables: Environment = [("KMS_SERVER_PORT", broken()), ("OTHER", broken())].into_iter().collect();
    let error = Config::load(None, &variables, &[]).unwrap_err();
    assert_eq!(error.faults(), ["KMS_SERVER_PORT: its value is not Unicode text; set it anew"]);
    assert_eq!(variables.value("OTHER"), None);
}

#[test]
fn secrets_are_not_shown() {
    let key = "AKID:topsecret:111122223333";
    let flags = flags(&[("auth-access-keys", key)]);
    let variables =
        environment(&[("KMS_SERVER_ROOT_KEY", "topsecret"), ("KMS_SERVER_AUTH_ACCESS_KEYS", key)]);
    let loaded = Config::load(None, &variables, &flags).unwrap();
    assert_eq!(loaded.config.auth.access_keys.as_slice()[0].secret.expose(), b"topsecret");
    for shown in [format!("{loaded:?}"), format!("{variables:?}"), format!("{flags:?}")] {
        assert!(!shown.contains("topsecret"), "{shown}");
    }
    let wrong = "AKID:topsecret:nobody AKID:top\u{e9}secret:111122223333";
    for text in wrong.split(' ') {
        let variables = environment(&[("KMS_SERVER_AUTH_ACCESS_KEYS", text)]);
        let fault = Config::load(None, &variables, &[]).unwrap_err().to_string();
        assert!(fault.starts_with("KMS_SERVER_AUTH_ACCESS_KEYS: access key 1: "), "{fault}");
        assert!(!fault.contains("top"), "{fault}");
    }
}

#[test]
fn a_file_is_read_from_the_flag_or_the_variable() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| -> PathBuf {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (one, two) = (path("one.toml", "server.port = 1"), path("two.toml", "server.port = 2"));
    let variables: Environment = [(FILE_VARIABLE, two.as_os_str())].into_iter().collect();
    let port = |flag: Option<&std::path::Path>, variables: &Environment| {
        Config::read(flag, variables, &[]).unwrap().config.server.port
    };
    assert_eq!(port(None, &Environment::default()), 4566);
    assert_eq!(port(None, &variables), 2);
    assert_eq!(port(Some(&one), &variables), 1);

    let missing = directory.path().join("missing.toml");
    let error = Config::read(Some(&missing), &variables, &[]).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{}: the settings file cannot be read: ", missing.display())),
        "{error}"
    );
    let long = path("long.toml", &"#".repeat(FILE_BYTES_MAX + 1));
    let error = Config::read(Some(&long), &variables, &[]).unwrap_err().to_string();
    assert!(error.ends_with("it has more than 1048576 bytes"), "{error}");
}

#[test]
fn the_root_key_lies_in_the_data_directory_unless_told() {
    let mut config = Config::default();
    config.storage.data_dir = PathBuf::from("/data");
    assert_eq!(config.root_key_file(), PathBuf::from("/data/root.key"));
    config.root_key.file = Some(PathBuf::from("/run/key"));
    assert_eq!(config.root_key_file(), PathBuf::from("/run/key"));
}

#[test]
fn the_process_environment_can_be_read() {
    assert!(Environment::of_process().value("PATH").is_some());
}

proptest! {
    #[test]
    fn no_input_panics(text in "\\PC{0,80}", value in "\\PC{0,40}|[0-9]{1,40}[a-zA-Z]{0,3}") {
        let _ = load_file(&text);
        for setting in Setting::all() {
            let _ = Config::load(None, &Environment::default(), &[FlagValue { setting, text: value.clone() }]);
        }
    }
}
