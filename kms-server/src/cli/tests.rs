use super::*;
use crate::config::{Config, Environment, Setting, Value as _, VariableName};
use clap::error::ErrorKind;
use lifecycle::ids::{AccountId, Region};
use proptest::prelude::*;
use std::path::PathBuf;
use std::process::Command as Process;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::parse_arguments(["kms-server"].into_iter().chain(line.split_whitespace()))
}

fn error_of(line: &str) -> (ErrorKind, String) {
    let error = parse(line).unwrap_err();
    (error.kind(), error.to_string())
}

fn serve(line: &str) -> ServeArguments {
    match parse(line).unwrap().command {
        Command::Serve(serve) => serve,
        other => panic!("{line}: {other:?}"),
    }
}

fn config_of(line: &str) -> Config {
    serve(line).settings.load(&Environment::default()).unwrap().config
}

#[test]
fn the_declaration_is_sound() {
    Arguments::documented_command().debug_assert();
}

#[test]
fn serve_is_the_default_command() {
    for line in ["", "serve"] {
        assert_eq!(config_of(line), Config::default(), "{line:?}");
    }
    for line in ["--port 0 --memory", "serve --memory --port=0"] {
        let config = config_of(line);
        assert_eq!((config.server.port, config.storage.memory), (0, true), "{line:?}");
    }
    // A name that is no command must not become an argument of serve.
    let (kind, text) = error_of("serv");
    assert_eq!(kind, ErrorKind::InvalidSubcommand);
    assert!(text.contains("'serve'"), "{text}");
    assert!(Arguments::parse_arguments(Vec::<String>::new()).is_err());
}

#[test]
fn every_setting_has_a_flag() {
    for setting in Setting::all() {
        let default = setting.text(&Config::default());
        let line = vec!["kms-server".to_owned(), format!("--{}={default}", setting.flag())];
        let Command::Serve(serve) = Arguments::parse_arguments(line).unwrap().command else { panic!() };
        let [flag] = serve.settings.flags.as_slice() else { panic!("{}", setting.flag()) };
        assert_eq!((flag.setting.path(), flag.text.as_str()), (setting.path(), default.as_str()));
        assert_eq!(serve.settings.load(&Environment::default()).unwrap().config, Config::default());
    }
}

#[test]
fn flags_of_settings() {
    let config = config_of(
        "--address ::1 --data-dir /d --log-format json --clock-frozen --memory=false --port 1 --port 2",
    );
    assert_eq!(config.server.address.to_string(), "::1");
    assert_eq!(config.storage.data_dir, PathBuf::from("/d"));
    assert_eq!(config.log.format, crate::config::LogFormat::Json);
    assert_eq!((config.clock.frozen, config.storage.memory, config.server.port), (true, false, 2));
    let error = serve("--port many").settings.load(&Environment::default()).unwrap_err();
    assert_eq!(error.faults(), ["--port: expected a whole number from 0 to 65535, found `many`"]);
}

#[test]
fn files_come_from_the_flag_or_the_variable() {
    let environment: Environment =
        [("KMS_SERVER_SEED", "env.yaml"), ("KMS_SERVER_CONFIG", "/nowhere/env.toml")].into_iter().collect();
    assert_eq!(serve("--seed flag.toml").seed(&environment), Some(PathBuf::from("flag.toml")));
    assert_eq!(serve("").seed(&environment), Some(PathBuf::from("env.yaml")));
    assert_eq!(serve("").seed(&Environment::default()), None);
    for (line, file) in [("", "/nowhere/env.toml"), ("--config /nowhere/flag.toml", "/nowhere/flag.toml")] {
        let error = serve(line).settings.load(&environment).unwrap_err().to_string();
        assert!(error.starts_with(file), "{error}");
    }
}

#[test]
fn wrong_arguments_say_what_to_do() {
    let cases = [
        ("--prot 1", ErrorKind::UnknownArgument, "'--port'"),
        ("serve --adress x", ErrorKind::UnknownArgument, "'--address'"),
        ("--memory yes", ErrorKind::UnknownArgument, "unexpected argument 'yes'"),
        ("key list", ErrorKind::InvalidSubcommand, "'keys'"),
        ("keys", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, "show"),
        ("keys show", ErrorKind::MissingRequiredArgument, "<KEY>"),
        ("keys list --account 1", ErrorKind::ValueValidation, "expected an account of 12 digits"),
        (
            "keys list --endpoint ftp://x",
            ErrorKind::ValueValidation,
            "expected a URL such as http://127.0.0.1:4566",
        ),
        (
            "events --since yesterday",
            ErrorKind::ValueValidation,
            "expected a moment such as 2026-01-01T00:00:00Z",
        ),
        ("events --limit 0", ErrorKind::ValueValidation, "1..=10000"),
        ("state reset", ErrorKind::MissingRequiredArgument, "--yes"),
        ("rekey --to-file f --to-variable V", ErrorKind::ArgumentConflict, "--to-variable"),
        ("rekey --to-variable 1X", ErrorKind::ValueValidation, "the name of an environment variable"),
        ("env --shell csh", ErrorKind::InvalidValue, "powershell"),
        ("env --keep-credentials --account 111122223333", ErrorKind::ArgumentConflict, "--account"),
        ("serve --json", ErrorKind::ArgumentConflict, "use --log-format json"),
        ("--json", ErrorKind::ArgumentConflict, "use --log-format json"),
        ("clock set", ErrorKind::MissingRequiredArgument, "<INSTANT>"),
        ("clock show --root-key-file f", ErrorKind::ArgumentConflict, "without --data-dir"),
        ("--endpoint http://x events --data-dir d", ErrorKind::ArgumentConflict, "calls no server"),
        ("--endpoint http://x --port 1", ErrorKind::ArgumentConflict, "--endpoint has no effect"),
        ("enclave", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, "document"),
        ("enclave document --root r", ErrorKind::MissingRequiredArgument, "--public-key"),
        ("enclave root --out d --endpoint http://x", ErrorKind::ArgumentConflict, "--endpoint has no effect"),
        ("rekey --to-file f --endpoint http://x", ErrorKind::ArgumentConflict, "--endpoint has no effect"),
    ];
    for (line, kind, part) in cases {
        let error = parse(line).unwrap_err();
        assert_eq!(error.kind(), kind, "{line}: {error}");
        assert!(error.to_string().contains(part), "{line}: {error}");
        assert_eq!(ExitCode::of_arguments(&error), ExitCode::Usage, "{line}");
    }
}

#[test]
fn commands_name_a_data_directory_before_or_after_what_to_do() {
    for line in [
        "clock show --data-dir /d --root-key-file /k",
        "clock --data-dir /d show --root-key-file /k",
        "events --root-key-file /k --data-dir /d",
        "state reset --yes --data-dir /d --root-key-file /k",
    ] {
        let data = match parse(line).unwrap().command {
            Command::Clock(clock) => clock.data,
            Command::Events(events) => events.data,
            Command::State(state) => state.data,
            other => panic!("{other:?}"),
        };
        let config = data.settings().unwrap().load(&Environment::default()).unwrap().config;
        let paths = (config.storage.data_dir.clone(), config.root_key_file());
        assert_eq!(paths, (PathBuf::from("/d"), PathBuf::from("/k")), "{line}");
    }
    let Command::Clock(clock) = parse("clock show").unwrap().command else { panic!() };
    assert!(clock.data.settings().is_none(), "a server is asked");
}

#[test]
fn commands_of_clients() {
    for line in [
        "keys list --json --endpoint http://h:1",
        "--json --endpoint http://h:1/ keys list",
        "--endpoint=http://h:1 keys --json list",
    ] {
        let arguments = parse(line).unwrap();
        assert_eq!(arguments.client.output(), Output::Json, "{line}");
        assert_eq!(arguments.client.endpoint.unwrap().as_str(), "http://h:1", "{line}");
        let Command::Keys(OnData { command: KeysCommand::List { scope }, .. }) = arguments.command else {
            panic!("{line}")
        };
        assert_eq!((scope.account.as_str(), scope.region.as_str()), ("000000000000", "us-east-1"));
    }
    let arguments = parse("keys show alias/app --region eu-west-1 --account 111122223333").unwrap();
    assert_eq!(arguments.client.output(), Output::Text);
    let Command::Keys(OnData { command: KeysCommand::Show { key, scope }, .. }) = arguments.command else {
        panic!()
    };
    assert_eq!(
        (key.as_str(), scope.account.as_str(), scope.region.as_str()),
        ("alias/app", "111122223333", "eu-west-1")
    );

    let line = "events --since 2026-01-01T00:00:00Z --until 2027-01-01T00:00:00Z --event Decrypt --key k --principal p --limit 5 --after a";
    let Command::Events(events) = parse(line).unwrap().command else { panic!() };
    assert_eq!(events.since.unwrap().to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(events.until.unwrap().to_string(), "2027-01-01T00:00:00Z");
    assert_eq!((events.event.as_deref(), events.key.as_deref()), (Some("Decrypt"), Some("k")));
    assert_eq!(
        (events.principal.as_deref(), events.limit, events.after.as_deref()),
        (Some("p"), Some(5), Some("a"))
    );

    let Command::State(OnData { command: StateCommand::Export { file, passphrase_file }, .. }) =
        parse("state export - --passphrase-file p").unwrap().command
    else {
        panic!()
    };
    assert_eq!((file, passphrase_file), (PathBuf::from("-"), Some(PathBuf::from("p"))));
    let Command::State(OnData { command: StateCommand::Import { file, passphrase_file }, .. }) =
        parse("state import f").unwrap().command
    else {
        panic!()
    };
    assert_eq!((file, passphrase_file), (PathBuf::from("f"), None));
    let Command::State(OnData { command: StateCommand::Reset { yes }, .. }) =
        parse("state reset --yes").unwrap().command
    else {
        panic!()
    };
    assert!(yes);
}

#[test]
fn commands_of_the_data_directory() {
    let Command::Doctor(doctor) = parse("doctor --data-dir /d --json").unwrap().command else { panic!() };
    let config = doctor.settings.load(&Environment::default()).unwrap().config;
    assert_eq!(config.root_key_file(), PathBuf::from("/d/root.key"));
    for (line, target) in [
        ("rekey --to-file new.key", RootKeyTarget::File(PathBuf::from("new.key"))),
        (
            "rekey --data-dir /d --to-variable NEW",
            RootKeyTarget::Variable(VariableName::parse("NEW").unwrap()),
        ),
    ] {
        let Command::Rekey(rekey) = parse(line).unwrap().command else { panic!("{line}") };
        assert_eq!(rekey.target(), Some(target), "{line}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for line in [
        "--help",
        "-h",
        "help",
        "--version",
        "-V",
        "serve --help",
        "help serve",
        "keys --help",
        "--json --help",
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(ExitCode::of_arguments(&error), ExitCode::Ok, "{line}: {error}");
    }
}

#[test]
fn help_shows_examples_settings_and_exit_codes() {
    let (_, root) = error_of("--help");
    assert!(root.contains("eval \"$(kms-server env)\"") && !root.contains("--data-dir"), "{root}");
    for code in ExitCode::ALL {
        assert!(root.contains(&format!("  {}  {}", code.code(), code.meaning())), "{root}");
    }
    // The text wraps at the width of a terminal.
    let long = error_of("serve --help").1.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, short) = error_of("serve -h");
    for setting in Setting::all() {
        assert!(long.contains(&format!("--{}", setting.flag())), "{}", setting.flag());
        assert!(long.contains(&format!("[env: {}]", setting.variable())), "{}", setting.flag());
    }
    assert!(
        short.contains("--port") && !short.contains("--limits") && !short.contains("--audit-queue-wait-ms"),
        "{short}"
    );
    let (_, rekey) = error_of("rekey --help");
    assert!(rekey.contains("--root-key-file") && !rekey.contains("--port"), "{rekey}");
}

#[test]
fn examples_parse() {
    let (_, serve) = error_of("serve --help");
    let (_, root) = error_of("--help");
    let (_, env) = error_of("env --help");
    let (_, enclave) = error_of("enclave --help");
    let examples: Vec<_> = [root, serve, env, enclave]
        .iter()
        .flat_map(|help| help.lines().skip_while(|line| *line != "Examples:"))
        .filter_map(|line| line.strip_prefix("  ")?.trim().strip_prefix("kms-server").map(str::to_owned))
        .map(|line| line.split("  ").next().unwrap().split(" | ").next().unwrap().to_owned())
        .collect();
    assert!(examples.len() >= 12, "{examples:?}");
    for example in examples {
        parse(&example).unwrap_or_else(|error| panic!("{example}: {error}"));
    }
}

#[test]
fn exit_codes_are_distinct() {
    let codes: Vec<_> = ExitCode::ALL.iter().map(|code| code.code()).collect();
    assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn endpoints() {
    for (text, expected) in [
        ("http://127.0.0.1:4566", Some("http://127.0.0.1:4566")),
        ("https://kms.test/", Some("https://kms.test")),
        ("http://[::1]:4566", Some("http://[::1]:4566")),
        ("127.0.0.1:4566", None),
        ("http://", None),
        ("http://a@b", None),
        ("http://h/path", None),
        ("http://h/?q", None),
        ("ftp://h", None),
        ("", None),
    ] {
        assert_eq!(text.parse::<Endpoint>().ok().as_ref().map(Endpoint::as_str), expected, "{text}");
    }
    let environment = |text: &str| -> Environment { [(ENDPOINT_VARIABLE, text)].into_iter().collect() };
    let flag: Endpoint = "http://flag".parse().unwrap();
    assert_eq!(Endpoint::resolve(Some(&flag), &environment("http://env")).unwrap(), flag);
    assert_eq!(Endpoint::resolve(None, &environment("http://env")).unwrap().as_str(), "http://env");
    assert_eq!(Endpoint::resolve(None, &environment("")).unwrap(), Endpoint::local());
    assert_eq!(Endpoint::resolve(None, &Environment::default()).unwrap(), Endpoint::local());
    let error = Endpoint::resolve(None, &environment("nowhere")).unwrap_err().to_string();
    assert_eq!(error, "KMS_ENDPOINT: expected a URL such as http://127.0.0.1:4566, found `nowhere`");
}

fn environment_of(line: &str) -> ClientEnvironment {
    let Command::Env(env) = parse(line).unwrap().command else { panic!("{line}") };
    env.client_environment(Endpoint::local())
}

#[test]
fn exports_for_each_shell() {
    let client = environment_of("env --account 111122223333 --region eu-west-1");
    assert_eq!(client.credentials, ClientCredentials::Account(AccountId::parse("111122223333").unwrap()));
    assert_eq!(client.region, Region::parse("eu-west-1").unwrap());
    assert_eq!(
        client.to_shell(Shell::Sh),
        "export AWS_ENDPOINT_URL_KMS='http://127.0.0.1:4566'\n\
         export AWS_ENDPOINT_URL_STS='http://127.0.0.1:4566'\n\
         export AWS_ENDPOINT_URL_CLOUDTRAIL='http://127.0.0.1:4566'\n\
         export KMS_ENDPOINT='http://127.0.0.1:4566'\n\
         export AWS_REGION='eu-west-1'\n\
         export AWS_DEFAULT_REGION='eu-west-1'\n\
         export AWS_ACCESS_KEY_ID='111122223333'\n\
         export AWS_SECRET_ACCESS_KEY='local'\n\
         unset AWS_SESSION_TOKEN\n"
    );
    let kept = ClientEnvironment {
        credentials: ClientCredentials::Kept,
        ca_bundle: Some(r"C:\it's".to_owned()),
        ..client
    };
    let last = |shell| kept.to_shell(shell).lines().last().unwrap().to_owned();
    assert_eq!(last(Shell::Sh), r"export AWS_CA_BUNDLE='C:\it'\''s'");
    assert_eq!(last(Shell::Fish), r"set -gx AWS_CA_BUNDLE 'C:\\it\'s';");
    assert_eq!(last(Shell::Powershell), r"$Env:AWS_CA_BUNDLE = 'C:\it''s'");
    assert!(!kept.to_shell(Shell::Sh).contains("ACCESS_KEY"));
    let local = environment_of("env");
    assert!(
        local
            .to_shell(Shell::Fish)
            .ends_with("set -gx AWS_SECRET_ACCESS_KEY 'local';\nset -e AWS_SESSION_TOKEN;\n")
    );
    assert!(
        local
            .to_shell(Shell::Powershell)
            .ends_with("Remove-Item Env:AWS_SESSION_TOKEN -ErrorAction SilentlyContinue\n")
    );
    assert_eq!(environment_of("env --keep-credentials").credentials, ClientCredentials::Kept);
    assert_eq!(
        local.to_json(),
        serde_json::json!({
            "AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:4566",
            "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:4566",
            "AWS_ENDPOINT_URL_CLOUDTRAIL": "http://127.0.0.1:4566",
            "KMS_ENDPOINT": "http://127.0.0.1:4566",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "000000000000",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": null,
        })
    );
}

#[cfg(unix)]
#[test]
fn sh_reads_back_what_is_exported() {
    for path in ["/a b/$HOME/`id`/\"q\"/it's\\n", "'; exit 7; '", "line\nbreak"] {
        let client = ClientEnvironment { ca_bundle: Some(path.to_owned()), ..environment_of("env") };
        let script = format!("set -e\n{}printf %s \"$AWS_CA_BUNDLE\"", client.to_shell(Shell::Sh));
        let output = Process::new("sh").arg("-c").arg(script).output().unwrap();
        assert!(output.status.success(), "{path}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), path);
    }
}

proptest! {
    #[test]
    fn no_arguments_panic(words in proptest::collection::vec("(--)?[a-z-]{0,8}(=\\PC{0,5})?|keys|env|--json|--endpoint", 0..5)) {
        let _ = Arguments::parse_arguments(std::iter::once("kms-server".to_owned()).chain(words));
    }
}
